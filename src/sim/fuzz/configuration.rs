//! The configuration file.

use crate::config::{Config, Origin, SETTINGS};

/// Whatever a file holds: refused with at least one line that says why, or settings, which given as
/// flags mean the same.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let config = match Config::read(Some(text), []) {
        Ok(config) => config,
        Err(wrong) => {
            assert!(!wrong.0.is_empty() && wrong.0.iter().all(|line| !line.is_empty()));
            return;
        }
    };
    let table: toml::Table = text.parse().expect("it was read");
    let flags = SETTINGS.iter().filter_map(|setting| {
        let mut parts = setting.key.split('.');
        let first = table.get(parts.next()?)?;
        let value = parts.try_fold(first, |value, part| value.get(part))?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some((setting.key, Origin::Flag, text))
    });
    let flags: Vec<_> = flags.collect();
    assert_eq!(Config::read(None, flags).as_ref(), Ok(&config));
    // Nothing listens to the world in the clear unless it was told to.
    if config.check_listen().is_ok() {
        let has_tls = config.tls_cert.0.is_some() && config.tls_key.0.is_some();
        assert!(has_tls || config.insecure || config.listen.ip().is_loopback(), "{config:?}");
    }
}
