//! Places in a JSON body, as pointers (RFC 6901) that are only written out when something is wrong
//! there: most bodies are right.

use std::borrow::Cow;
use std::fmt;

/// A place: a base, then perhaps a list's item, then perhaps a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    base: Cow<'static, str>,
    item: Option<usize>,
    field: Option<&'static str>,
}

impl Pointer {
    /// The whole body.
    pub const ROOT: Pointer = Pointer::of("");

    /// A place that is known as text, such as `/events`.
    #[must_use]
    pub const fn of(base: &'static str) -> Pointer {
        Pointer { base: Cow::Borrowed(base), item: None, field: None }
    }

    /// An item of the list that stands here.
    #[must_use]
    pub fn item(&self, item: usize) -> Pointer {
        let base = match (self.item, self.field) {
            (None, None) => self.base.clone(),
            _ => Cow::Owned(self.to_string()),
        };
        Pointer { base, item: Some(item), field: None }
    }

    /// A field of the object that stands here; its name needs no escaping.
    #[must_use]
    pub fn field(&self, name: &'static str) -> Pointer {
        match self.field {
            None => Pointer { base: self.base.clone(), item: self.item, field: Some(name) },
            Some(_) => {
                Pointer { base: Cow::Owned(self.to_string()), item: None, field: Some(name) }
            }
        }
    }

    /// Any key of the object that stands here.
    #[must_use]
    pub fn key(&self, key: &str) -> String {
        format!("{self}/{}", key.replace('~', "~0").replace('/', "~1"))
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)?;
        if let Some(item) = self.item {
            write!(f, "/{item}")?;
        }
        if let Some(field) = self.field {
            write!(f, "/{field}")?;
        }
        Ok(())
    }
}

impl From<Pointer> for String {
    fn from(pointer: Pointer) -> String {
        pointer.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_as_the_rfc_says() {
        let event = Pointer::of("/events").item(3);
        let skill = event.field("data").field("skills").item(0);
        assert_eq!(skill.field("min").to_string(), "/events/3/data/skills/0/min");
        assert_eq!(skill.item(7).to_string(), "/events/3/data/skills/0/7");
        assert_eq!(event.key("a/b~c"), "/events/3/a~1b~0c");
        assert_eq!((Pointer::ROOT.to_string(), Pointer::ROOT.key("x")), ("".into(), "/x".into()));
    }
}
