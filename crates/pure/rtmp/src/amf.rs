//! AMF0, the notation of commands and metadata: decoded with bounds, encoded without surprises.
//! AMF3 values and references are refused; no publisher needs them.

use crate::cursor::Cursor;

/// Deepest nesting of objects and arrays. Commands use two levels, metadata three.
const MAX_DEPTH: usize = 8;

/// Most values in one message, members of objects included. Metadata has a few dozen.
const MAX_VALUES: usize = 1024;

/// One AMF0 value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Any number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// Text; bytes that are no UTF-8 are replaced.
    String(String),
    /// Members in their order.
    Object(Vec<(String, Self)>),
    /// The same, as an associative array.
    EcmaArray(Vec<(String, Self)>),
    /// A list.
    StrictArray(Vec<Self>),
    /// Milliseconds since 1970.
    Date(f64),
    /// Null.
    Null,
    /// Undefined, or a value of a kind without content.
    Undefined,
}

/// Why bytes are not AMF0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AmfError {
    /// The message ends inside a value.
    #[error("the message ends inside a value")]
    Truncated,
    /// Nested too deep.
    #[error("values are nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// Too many values.
    #[error("more than {MAX_VALUES} values in one message")]
    TooMany,
    /// A kind of value that is not taken.
    #[error("value marker {0:#04x} is not supported")]
    Marker(u8),
}

impl Value {
    /// Text from anything like it.
    pub fn string(text: impl Into<String>) -> Self {
        Self::String(text.into())
    }

    /// An object from name and value pairs.
    pub fn object<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Object(members.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// The member of an object or associative array.
    pub fn member(&self, name: &str) -> Option<&Self> {
        let (Self::Object(members) | Self::EcmaArray(members)) = self else {
            return None;
        };
        members
            .iter()
            .find(|(member, _)| member == name)
            .map(|(_, value)| value)
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub const fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }
}

/// All values of a message.
pub fn decode(bytes: &[u8]) -> Result<Vec<Value>, AmfError> {
    let mut decoder = Decoder {
        cursor: Cursor(bytes),
        values: 0,
    };
    let mut values = Vec::new();
    while !decoder.cursor.is_empty() {
        values.push(decoder.value(0)?);
    }
    Ok(values)
}

/// Appends the values to `out`.
pub fn encode(values: &[Value], out: &mut Vec<u8>) {
    for value in values {
        encode_value(value, out);
    }
}

struct Decoder<'a> {
    cursor: Cursor<'a>,
    values: usize,
}

impl Decoder<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, AmfError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(AmfError::TooMany);
        }
        if depth > MAX_DEPTH {
            return Err(AmfError::TooDeep);
        }
        Ok(match self.cursor.u8().ok_or(AmfError::Truncated)? {
            0x00 => Value::Number(self.number()?),
            0x01 => Value::Boolean(self.cursor.u8().ok_or(AmfError::Truncated)? != 0),
            0x02 => Value::String(self.short_text()?),
            0x03 => Value::Object(self.members(depth)?),
            0x05 => Value::Null,
            0x06 | 0x0d => Value::Undefined,
            0x08 => {
                // The count is a hint that many encoders leave at zero; the end marker decides.
                self.cursor.u32().ok_or(AmfError::Truncated)?;
                Value::EcmaArray(self.members(depth)?)
            }
            0x0a => Value::StrictArray(self.list(depth)?),
            0x0b => {
                let date = self.number()?;
                self.cursor.u16().ok_or(AmfError::Truncated)?;
                Value::Date(date)
            }
            0x0c | 0x0f => Value::String(self.long_text()?),
            0x10 => {
                self.short_text()?;
                Value::Object(self.members(depth)?)
            }
            marker => return Err(AmfError::Marker(marker)),
        })
    }

    fn number(&mut self) -> Result<f64, AmfError> {
        self.cursor
            .array()
            .map(f64::from_be_bytes)
            .ok_or(AmfError::Truncated)
    }

    fn short_text(&mut self) -> Result<String, AmfError> {
        let length = self.cursor.u16().ok_or(AmfError::Truncated)?;
        self.text(usize::from(length))
    }

    fn long_text(&mut self) -> Result<String, AmfError> {
        let length = self.cursor.u32().ok_or(AmfError::Truncated)?;
        self.text(usize::try_from(length).map_err(|_| AmfError::Truncated)?)
    }

    fn text(&mut self, length: usize) -> Result<String, AmfError> {
        let bytes = self.cursor.bytes(length).ok_or(AmfError::Truncated)?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    fn members(&mut self, depth: usize) -> Result<Vec<(String, Value)>, AmfError> {
        const END: [u8; 3] = [0, 0, 9];
        let mut members = Vec::new();
        loop {
            if let Some(rest) = self.cursor.0.strip_prefix(&END) {
                self.cursor.0 = rest;
                return Ok(members);
            }
            // Some encoders leave out the end marker of the last object of a message.
            if self.cursor.is_empty() && depth == 0 {
                return Ok(members);
            }
            let name = self.short_text()?;
            members.push((name, self.value(depth + 1)?));
        }
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value>, AmfError> {
        let count = self.cursor.u32().ok_or(AmfError::Truncated)?;
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(self.value(depth + 1)?);
        }
        Ok(values)
    }
}

fn encode_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Number(number) => {
            out.push(0x00);
            out.extend(number.to_be_bytes());
        }
        Value::Boolean(flag) => out.extend([0x01, u8::from(*flag)]),
        Value::String(text) => match u16::try_from(text.len()) {
            Ok(length) => {
                out.push(0x02);
                out.extend(length.to_be_bytes());
                out.extend(text.as_bytes());
            }
            Err(_) => {
                let kept = text
                    .get(..text.floor_char_boundary(MAX_LONG_TEXT))
                    .unwrap_or_default();
                out.push(0x0c);
                out.extend(u32::try_from(kept.len()).unwrap_or(u32::MAX).to_be_bytes());
                out.extend(kept.as_bytes());
            }
        },
        Value::Object(members) => {
            out.push(0x03);
            encode_members(members, out);
        }
        Value::EcmaArray(members) => {
            out.push(0x08);
            out.extend(
                u32::try_from(members.len())
                    .unwrap_or(u32::MAX)
                    .to_be_bytes(),
            );
            encode_members(members, out);
        }
        Value::StrictArray(values) => {
            out.push(0x0a);
            out.extend(
                u32::try_from(values.len())
                    .unwrap_or(u32::MAX)
                    .to_be_bytes(),
            );
            encode(values, out);
        }
        Value::Date(date) => {
            out.push(0x0b);
            out.extend(date.to_be_bytes());
            out.extend([0, 0]);
        }
        Value::Null => out.push(0x05),
        Value::Undefined => out.push(0x06),
    }
}

/// Longest text written; more would not fit a message anyway.
const MAX_LONG_TEXT: usize = 0xff_ffff;

fn encode_members(members: &[(String, Value)], out: &mut Vec<u8>) {
    for (name, value) in members {
        // Member names are short words; a longer one is cut at a character.
        let kept = name
            .get(..name.floor_char_boundary(usize::from(u16::MAX)))
            .unwrap_or_default();
        out.extend(u16::try_from(kept.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend(kept.as_bytes());
        encode_value(value, out);
    }
    out.extend([0, 0, 9]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> Vec<u8> {
        let mut bytes = vec![0x03];
        for _ in 0..depth {
            bytes.extend([0, 1, b'a', 0x03]);
        }
        bytes
    }

    #[test]
    fn values_survive_a_round_trip() {
        let values = vec![
            Value::string("connect"),
            Value::Number(1.0),
            Value::object([
                ("app", Value::string("live")),
                (
                    "fourCcList",
                    Value::StrictArray(vec![Value::string("hvc1")]),
                ),
                ("inner", Value::object([("flag", Value::Boolean(true))])),
            ]),
            Value::EcmaArray(vec![("width".to_owned(), Value::Number(1280.0))]),
            Value::Null,
            Value::Undefined,
            Value::Date(12.5),
            Value::string("x".repeat(70_000)),
        ];
        let mut bytes = Vec::new();
        encode(&values, &mut bytes);
        assert_eq!(decode(&bytes).unwrap(), values);
    }

    #[test]
    fn depth_and_count_are_bounded() {
        assert_eq!(decode(&nested(100_000)), Err(AmfError::TooDeep));
        let mut many = vec![0x0a, 0xff, 0xff, 0xff, 0xff];
        many.extend([0x05; 100_000]);
        assert_eq!(decode(&many), Err(AmfError::TooMany));
        assert_eq!(decode(&[0x05; 100_000]), Err(AmfError::TooMany));
    }

    #[test]
    fn truncation_and_strange_markers_are_errors() {
        assert_eq!(decode(&[0x00, 1, 2]), Err(AmfError::Truncated));
        assert_eq!(decode(&[0x02, 0, 9, b'a']), Err(AmfError::Truncated));
        assert_eq!(
            decode(&[0x0c, 0xff, 0xff, 0xff, 0xff]),
            Err(AmfError::Truncated)
        );
        assert_eq!(decode(&[0x11]), Err(AmfError::Marker(0x11)));
        assert_eq!(decode(&[0x07, 0, 0]), Err(AmfError::Marker(0x07)));
    }

    #[test]
    fn an_object_without_end_marker_is_taken_at_the_end_of_a_message() {
        let bytes = [0x03, 0, 1, b'a', 0x01, 1];
        let values = decode(&bytes).unwrap();
        assert_eq!(
            values.first().and_then(|v| v.member("a")),
            Some(&Value::Boolean(true))
        );
    }
}
