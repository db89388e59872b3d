//! Until when a certificate holds: the few bytes of its DER (RFC 5280, 4.1) that say so.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The end of a certificate's validity, in seconds since 1970; `None` when it is no certificate.
pub fn not_after(certificate: &[u8]) -> Option<i64> {
    let mut rest = certificate;
    let mut certificate = within(&mut rest, SEQUENCE)?;
    let mut body = within(&mut certificate, SEQUENCE)?;
    if body.first() == Some(&VERSION) {
        take(&mut body)?;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        take(&mut body)?;
    }
    let mut validity = within(&mut body, SEQUENCE)?;
    take(&mut validity)?;
    let (tag, text) = take(&mut validity)?;
    seconds(tag, std::str::from_utf8(text).ok()?)
}

/// The next value: its tag and its content.
fn take<'a>(bytes: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        // The length's own length; four bytes are more than any certificate.
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some((*tag, content))
}

fn within<'a>(bytes: &mut &'a [u8], wanted: u8) -> Option<&'a [u8]> {
    take(bytes).filter(|(tag, _)| *tag == wanted).map(|(_, content)| content)
}

/// `YYMMDDHHMMSSZ`, of 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
fn seconds(tag: u8, text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z').filter(|text| text.bytes().all(|c| c.is_ascii_digit()))?;
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year: i16 = digits[..2].parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (digits[..4].parse().ok()?, &digits[4..]),
        _ => return None,
    };
    let part = |at: usize| rest[at..at + 2].parse::<i8>().ok();
    let at = DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0).ok()?;
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_read_in_both_spellings_and_nonsense_is_none() {
        assert_eq!(seconds(UTC_TIME, "700101000010Z"), Some(10));
        assert_eq!(seconds(UTC_TIME, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(seconds(GENERALIZED_TIME, "20500101000000Z"), Some(2_524_608_000));
        for wrong in ["700101000010", "701301000010Z", "7001010000xxZ", "Z", ""] {
            assert_eq!(seconds(UTC_TIME, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_real_certificate_tells_its_end_and_a_cut_one_does_not_panic() {
        let mut params = rcgen::CertificateParams::new(["a.test".to_owned()]).expect("names");
        params.not_after = rcgen::date_time_ymd(2033, 5, 18);
        let key = rcgen::KeyPair::generate().expect("a key");
        let der = params.self_signed(&key).expect("signed").der().to_vec();
        assert_eq!(not_after(&der), Some(1_999_987_200));
        for length in 0..der.len() {
            assert_eq!(not_after(&der[..length]), None, "cut at {length}");
        }
    }
}
