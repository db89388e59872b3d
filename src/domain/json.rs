//! JSON that is only looked at. Bodies of requests are read once, taken apart and dropped: a
//! [`Tree`] borrows their texts where they stand, where `serde_json`'s own [`Value`] copies each.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::borrow::Cow;
use std::fmt;

/// One value, as one looks at it.
pub enum Look<'a, J> {
    /// null
    Null,
    /// true or false
    Bool(bool),
    /// A number.
    Number(&'a Number),
    /// A text.
    Text(&'a str),
    /// A list.
    List(&'a [J]),
    /// An object: see [`Json::field`] and [`Json::fields`].
    Object,
}

/// A tree of JSON.
pub trait Json: Sized {
    /// What stands here.
    fn look(&self) -> Look<'_, Self>;

    /// A field of an object; of several with this name the last.
    fn field(&self, name: &str) -> Option<&Self>;

    /// The fields of an object, in no particular order; a name may come twice, and then the later
    /// one counts. Of anything else none.
    fn fields(&self) -> impl Iterator<Item = (&str, &Self)>;

    /// A copy that owns its texts.
    fn to_value(&self) -> Value;

    /// Whether null stands here.
    fn is_null(&self) -> bool {
        matches!(self.look(), Look::Null)
    }

    /// The text that stands here.
    fn as_str(&self) -> Option<&str> {
        match self.look() {
            Look::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The fields of an object that `wanted` names, in the order of their names, each once.
    fn sorted_fields(&self, wanted: impl Fn(&str) -> bool) -> Vec<(&str, &Self)> {
        let mut fields: Vec<_> = self.fields().filter(|(name, _)| wanted(name)).collect();
        // The sort is stable: turned round before, the last of a name comes first, and stays.
        fields.reverse();
        fields.sort_by(|a, b| a.0.cmp(b.0));
        fields.dedup_by(|a, b| a.0 == b.0);
        fields
    }
}

impl Json for Value {
    fn look(&self) -> Look<'_, Value> {
        match self {
            Value::Null => Look::Null,
            Value::Bool(is) => Look::Bool(*is),
            Value::Number(number) => Look::Number(number),
            Value::String(text) => Look::Text(text),
            Value::Array(items) => Look::List(items),
            Value::Object(_) => Look::Object,
        }
    }

    fn field(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }

    fn fields(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
    }

    fn to_value(&self) -> Value {
        self.clone()
    }
}

/// JSON whose texts stand in the body that it was read from, but for those that the sender escaped.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree<'a> {
    /// null
    Null,
    /// true or false
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Tree<'a>>),
    /// An object, its fields as they were sent.
    Object(Vec<(Cow<'a, str>, Tree<'a>)>),
}

impl<'a> Tree<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is no JSON, with the same words as `serde_json`'s own [`Value`].
    pub fn read(body: &'a [u8]) -> Result<Tree<'a>, serde_json::Error> {
        match std::str::from_utf8(body) {
            // Looked through once here, and not again with each text.
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(body),
        }
    }
}

impl Json for Tree<'_> {
    fn look(&self) -> Look<'_, Self> {
        match self {
            Tree::Null => Look::Null,
            Tree::Bool(is) => Look::Bool(*is),
            Tree::Number(number) => Look::Number(number),
            Tree::Text(text) => Look::Text(text),
            Tree::List(items) => Look::List(items),
            Tree::Object(_) => Look::Object,
        }
    }

    fn field(&self, name: &str) -> Option<&Self> {
        let Tree::Object(fields) = self else { return None };
        fields.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    fn fields(&self) -> impl Iterator<Item = (&str, &Self)> {
        let fields = match self {
            Tree::Object(fields) => fields.as_slice(),
            _ => &[],
        };
        fields.iter().map(|(name, value)| (&**name, value))
    }

    fn to_value(&self) -> Value {
        match self {
            Tree::Null => Value::Null,
            Tree::Bool(is) => Value::Bool(*is),
            Tree::Number(number) => Value::Number(number.clone()),
            Tree::Text(text) => Value::String(text.clone().into_owned()),
            Tree::List(items) => Value::Array(items.iter().map(Json::to_value).collect()),
            Tree::Object(fields) => {
                let owned = |(name, value): &(Cow<'_, str>, Tree<'_>)| {
                    (name.clone().into_owned(), value.to_value())
                };
                Value::Object(fields.iter().map(owned).collect::<Map<_, _>>())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Tree<'de>, D::Error> {
        d.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Tree<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree<'de>, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, is: bool) -> Result<Tree<'de>, E> {
        Ok(Tree::Bool(is))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree<'de>, E> {
        Ok(Number::from_f64(number).map_or(Tree::Null, Tree::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some(Key(name)) = map.next_key()? {
            if fields.is_empty() {
                // Most objects have about as many fields, and are spared the moves of growing.
                fields.reserve(6);
            }
            fields.push((name, map.next_value()?));
        }
        Ok(Tree::Object(fields))
    }
}

/// A field's name. (`Cow` itself, read by serde, always copies.)
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Key<'de>, D::Error> {
        d.deserialize_str(KeyReader)
    }
}

struct KeyReader;

impl<'de> Visitor<'de> for KeyReader {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_what_serde_json_reads_and_borrows_its_texts() {
        let text = r#" {"b":[1,-2,2.5,1e400,"x\n\u00fc",true,null,{}],"a":"plain","ü":18446744073709551615} "#
            .replace("1e400", "1e40");
        let tree = Tree::read(text.as_bytes()).expect("JSON");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(tree.to_value(), value);
        let Some(Tree::Text(Cow::Borrowed("plain"))) = tree.field("a") else {
            panic!("not borrowed: {tree:?}")
        };
    }

    #[test]
    fn of_fields_with_one_name_the_last_counts_as_with_serde_json() {
        let text = r#"{"b":1,"a":2,"b":3,"c":4,"b":null}"#;
        let tree = Tree::read(text.as_bytes()).expect("JSON");
        let value: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(tree.to_value(), value);
        for name in ["a", "b", "c", "d"] {
            assert_eq!(tree.field(name).map(Json::to_value), value.get(name).cloned(), "{name}");
        }
        let shown = |fields: Vec<(&str, Value)>| format!("{fields:?}");
        let own = |(name, tree): (&'static str, Value)| (name, tree);
        let of_tree = tree.sorted_fields(|name| name != "c");
        let of_tree: Vec<_> = of_tree.into_iter().map(|(n, t)| (n, t.to_value())).collect();
        assert_eq!(shown(of_tree), shown([("a", 2.into()), ("b", Value::Null)].map(own).to_vec()));
    }

    #[test]
    fn what_is_no_json_is_refused_in_the_same_words() {
        for wrong in [
            &b""[..],
            b"{",
            b"[1,]",
            b"{\"a\" 1}",
            b"{1:2}",
            b"nul",
            b"\"\xff\"",
            b"\xff",
            b"1e999",
            b"\"\\ud800\"",
            b"[] x",
            &b"[".repeat(200),
        ] {
            let tree = Tree::read(wrong).map_err(|e| e.to_string()).map(|tree| tree.to_value());
            let value = serde_json::from_slice::<Value>(wrong).map_err(|e| e.to_string());
            assert_eq!(tree, value, "{}", String::from_utf8_lossy(wrong));
        }
    }
}
