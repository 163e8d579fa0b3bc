//! Names of streams and renditions as parts of a path.

use std::fmt::Write as _;

/// Characters that need no escape in a path segment, besides letters and digits.
const PLAIN: &[u8] = b"-._~!$&'()*+,;=:@";

/// `text` as one segment of a URL's path.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || PLAIN.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_in_a_path() {
        assert_eq!(encode("P240p30fps16x9_a-b.c~1"), "P240p30fps16x9_a-b.c~1");
        assert_eq!(encode("a b/c?d#e%f"), "a%20b%2Fc%3Fd%23e%25f");
        assert_eq!(encode("ü\n"), "%C3%BC%0A");
    }
}
