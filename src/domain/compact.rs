//! Writes JSON, the same bytes as `serde_json` in fewer steps: records and answers are short texts
//! of many fields, where the time goes into the joints. A field's name goes out in one piece, a
//! text is looked through once and then copied whole.

use serde::ser::{self, Error as _, Serialize, Serializer};
use serde_json::Error;
use std::fmt::{self, Write as _};

/// `value` as JSON; `room` is about how long it will be, in bytes.
///
/// # Errors
/// As `serde_json::to_vec`: a map whose keys are no texts, or a value that refuses.
pub fn to_vec<T: Serialize + ?Sized>(value: &T, room: usize) -> Result<Vec<u8>, Error> {
    let mut writer = Writer(Vec::with_capacity(room));
    value.serialize(&mut writer)?;
    Ok(writer.0)
}

/// As [`to_vec`], as text.
///
/// # Errors
/// As [`to_vec`].
pub fn to_string<T: Serialize + ?Sized>(value: &T, room: usize) -> Result<String, Error> {
    String::from_utf8(to_vec(value, room)?).map_err(Error::custom)
}

struct Writer(Vec<u8>);

impl Writer {
    #[inline]
    fn text(&mut self, text: &str) -> Result<(), Error> {
        if !is_plain(text.as_bytes()) {
            return serde_json::to_writer(&mut self.0, text);
        }
        self.0.reserve(text.len() + 2);
        self.0.push(b'"');
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(b'"');
        Ok(())
    }

    /// The name of a field or variant: never one that needs escaping.
    #[inline]
    fn name(&mut self, before: u8, name: &'static str) {
        debug_assert!(is_plain(name.as_bytes()), "{name:?} needs escaping");
        self.0.reserve(name.len() + 4);
        self.0.push(before);
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn digits(&mut self, mut number: u64, is_negative: bool) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        // Ids are numbers of 19 digits: two of them at a time.
        while number >= 100 {
            at -= 2;
            [digits[at], digits[at + 1]] = PAIRS[(number % 100) as usize];
            number /= 100;
        }
        if number >= 10 {
            at -= 2;
            [digits[at], digits[at + 1]] = PAIRS[number as usize];
        } else {
            at -= 1;
            digits[at] = b'0' + number as u8;
        }
        if is_negative {
            self.0.push(b'-');
        }
        self.0.extend_from_slice(&digits[at..]);
    }
}

/// `00` to `99`.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut i = 0;
    while i < 100 {
        pairs[i] = [b'0' + (i / 10) as u8, b'0' + (i % 10) as u8];
        i += 1;
    }
    pairs
};

/// Whether a text stands in JSON as it is.
fn is_plain(text: &[u8]) -> bool {
    // Eight bytes at a time, without a way out in the middle: texts are short and nearly all plain.
    let (eights, rest) = text.as_chunks::<8>();
    let found = eights.iter().fold(0, |found, eight| found | odd(u64::from_le_bytes(*eight)));
    let rest = rest.iter().fold(0, |word: u64, c| (word << 8) | u64::from(*c));
    // What is missing of the last word is filled with blanks before it.
    let filler = EACH.wrapping_mul(0x20).checked_shl(8 * (text.len() as u32 % 8)).unwrap_or(0);
    (found | odd(rest | filler)) == 0
}

/// A one in each byte.
const EACH: u64 = 0x0101_0101_0101_0101;

/// Not 0 when one of eight bytes is a control character, a quote or a backslash ("Determine if a
/// word has a byte less than n" of the Bit Twiddling Hacks).
fn odd(word: u64) -> u64 {
    let below = |word: u64, n: u64| word.wrapping_sub(EACH * n) & !word;
    let is = |c: u8| below(word ^ (EACH * u64::from(c)), 1);
    (below(word, 0x20) | is(b'"') | is(b'\\')) & (EACH * 0x80)
}

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

macro_rules! integers {
    ($($signed:ident $as_signed:ty, $unsigned:ident $as_unsigned:ty;)*) => {$(
        fn $signed(self, number: $as_signed) -> Result<(), Error> {
            self.digits(u64::from(number.unsigned_abs()), number < 0);
            Ok(())
        }

        fn $unsigned(self, number: $as_unsigned) -> Result<(), Error> {
            self.digits(u64::from(number), false);
            Ok(())
        }
    )*};
}

impl<'a> Serializer for &'a mut Writer {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

    integers! {
        serialize_i8 i8, serialize_u8 u8;
        serialize_i16 i16, serialize_u16 u16;
        serialize_i32 i32, serialize_u32 u32;
        serialize_i64 i64, serialize_u64 u64;
    }

    fn serialize_bool(self, is: bool) -> Result<(), Error> {
        self.0.extend_from_slice(if is { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_i128(self, number: i128) -> Result<(), Error> {
        write!(self, "{number}").map_err(Error::custom)
    }

    fn serialize_u128(self, number: u128) -> Result<(), Error> {
        write!(self, "{number}").map_err(Error::custom)
    }

    fn serialize_f32(self, number: f32) -> Result<(), Error> {
        serde_json::to_writer(&mut self.0, &number)
    }

    fn serialize_f64(self, number: f64) -> Result<(), Error> {
        serde_json::to_writer(&mut self.0, &number)
    }

    fn serialize_char(self, c: char) -> Result<(), Error> {
        self.text(c.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        self.text(text)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Error> {
        self.collect_seq(bytes)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.0.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.name(b'{', variant);
        value.serialize(&mut *self)?;
        self.0.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'a>, Error> {
        Ok(Parts::of(self, b'[', "]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts<'a>, Error> {
        Ok(Parts::of(self, b'[', "]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, Error> {
        Ok(Parts::of(self, b'[', "]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, Error> {
        self.name(b'{', variant);
        Ok(Parts::of(self, b'[', "]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts<'a>, Error> {
        Ok(Parts::of(self, b'{', "}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, Error> {
        Ok(Parts::of(self, b'{', "}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, Error> {
        self.name(b'{', variant);
        Ok(Parts::of(self, b'{', "}}"))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.0.push(b'"');
        let start = self.0.len();
        write!(self, "{value}").map_err(Error::custom)?;
        if is_plain(&self.0[start..]) {
            self.0.push(b'"');
            return Ok(());
        }
        let text = String::from_utf8(self.0.split_off(start)).map_err(Error::custom)?;
        self.0.pop();
        self.text(&text)
    }
}

/// A list or object on its way out.
struct Parts<'a> {
    to: &'a mut Writer,
    /// Stands before the next part; the opening bracket is still owed before the first.
    before: u8,
    end: &'static str,
}

impl<'a> Parts<'a> {
    fn of(to: &'a mut Writer, before: u8, end: &'static str) -> Parts<'a> {
        Parts { to, before, end }
    }

    #[inline]
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.to.0.push(self.before);
        self.before = b',';
        value.serialize(&mut *self.to)
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.to.name(self.before, name);
        self.before = b',';
        value.serialize(&mut *self.to)
    }

    #[inline]
    fn close(self) -> Result<(), Error> {
        if self.before != b',' {
            self.to.0.push(self.before);
        }
        self.to.0.extend_from_slice(self.end.as_bytes());
        Ok(())
    }
}

macro_rules! parts {
    ($($of:ident $step:ident;)*) => {$(
        impl ser::$of for Parts<'_> {
            type Ok = ();
            type Error = Error;

            fn $step<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close()
            }
        }
    )*};
}

parts! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

macro_rules! fields {
    ($($of:ident)*) => {$(
        impl ser::$of for Parts<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), Error> {
                self.close()
            }
        }
    )*};
}

fields! { SerializeStruct SerializeStructVariant }

impl ser::SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.to.0.push(self.before);
        self.before = b',';
        let start = self.to.0.len();
        key.serialize(&mut *self.to)?;
        match self.to.0.get(start) {
            Some(b'"') => Ok(()),
            // A number, true or false: JSON wants a text.
            Some(b'-' | b'0'..=b'9' | b't' | b'f') => {
                self.to.0.insert(start, b'"');
                self.to.0.push(b'"');
                Ok(())
            }
            _ => Err(Error::custom("key must be a string")),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.to.0.push(b':');
        value.serialize(&mut *self.to)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Serialize;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    #[derive(Serialize)]
    struct Unit;

    #[derive(Serialize)]
    struct Pair(u8, Option<&'static str>);

    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Plain,
        New(i8),
        Two(u16, i16),
        Some { a: Option<u32>, b: () },
        Empty {},
    }

    #[derive(Serialize)]
    struct All {
        numbers: (u8, i8, u16, i16, u32, i32, u64, i64, u128, i128),
        floats: [f64; 6],
        small: f32,
        word: char,
        quote: char,
        is: [bool; 2],
        unit: Unit,
        pair: Pair,
        kinds: Vec<Kind>,
        none: Option<u8>,
        #[serde(skip_serializing_if = "Option::is_none")]
        skipped: Option<u8>,
        by_number: BTreeMap<i64, u8>,
        by_text: BTreeMap<&'static str, Vec<u8>>,
        by_answer: BTreeMap<bool, u8>,
        empty: (BTreeMap<u8, u8>, [u8; 0]),
        shown: Shown,
        quoted: Shown,
    }

    struct Shown(&'static str);

    impl Serialize for Shown {
        fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            s.collect_str(self.0)
        }
    }

    #[test]
    fn every_shape_is_written_as_serde_json_writes_it() {
        let all = All {
            numbers: (255, -128, 9, -10, 100, i32::MIN, u64::MAX, i64::MIN, u128::MAX, i128::MIN),
            floats: [0.0, -1.5, 1e300, f64::NAN, f64::INFINITY, 3.0],
            small: 0.1,
            word: 'ü',
            quote: '"',
            is: [true, false],
            unit: Unit,
            pair: Pair(1, None),
            kinds: vec![
                Kind::Plain,
                Kind::New(-7),
                Kind::Two(1, -1),
                Kind::Some { a: Some(0), b: () },
                Kind::Empty {},
            ],
            none: None,
            skipped: None,
            by_number: BTreeMap::from([(-3, 1), (44, 2)]),
            by_text: BTreeMap::from([("a\"b", vec![]), ("ü", vec![1, 2])]),
            by_answer: BTreeMap::from([(true, 1), (false, 2)]),
            empty: (BTreeMap::new(), []),
            shown: Shown("plain"),
            quoted: Shown("a\n\"b\""),
        };
        let text = to_string(&all, 0).expect("JSON");
        assert_eq!(text, serde_json::to_string(&all).expect("JSON"));
        let skipped = All { skipped: Some(1), ..all };
        assert_eq!(to_vec(&skipped, 0).ok(), serde_json::to_vec(&skipped).ok());
    }

    #[test]
    fn a_key_that_is_no_text_is_refused() {
        let list = BTreeMap::from([(vec![1], 1)]);
        assert!(serde_json::to_vec(&list).is_err());
        assert!(to_vec(&list, 0).is_err());
        let nothing = BTreeMap::from([((), 1)]);
        assert!(serde_json::to_vec(&nothing).is_err());
        assert!(to_vec(&nothing, 0).is_err());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[ -~]{0,40}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| json!(map)),
            ]
        })
    }

    #[test]
    fn one_odd_byte_is_found_wherever_it_stands() {
        for length in 0..40 {
            for at in 0..length {
                for c in 0..=255 {
                    let mut text = vec![b'~'; length];
                    text[at] = c;
                    let is_plain_here = c >= 0x20 && c != b'"' && c != b'\\';
                    assert_eq!(is_plain(&text), is_plain_here, "{c} at {at} of {length}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn numbers_are_written_as_they_are(number in any::<i64>(), shift in 0..64_u32) {
            let number = number >> shift;
            prop_assert_eq!(to_string(&number, 0).expect("JSON"), number.to_string());
            let number = number as u64;
            prop_assert_eq!(to_string(&number, 0).expect("JSON"), number.to_string());
        }

        #[test]
        fn any_json_is_written_as_serde_json_writes_it(value in any_json()) {
            let text = to_string(&value, 16).expect("JSON");
            prop_assert_eq!(text, value.to_string());
        }
    }
}
