//! Canonical JSON: sorted keys, no white space, the shortest decimal form of every f32.

use serde_json::{Number, Value};

/// Writes `value` with its keys in ascending byte order at every depth.
///
/// Floats in the metadata are f32 values, which `serde_json` widens to f64; they are written with the
/// fewest digits that read back as the same f32.
pub(super) fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            list(text, ['{', '}'], entries, |text, (key, value)| {
                write(&Value::String(key.clone()), text);
                text.push(':');
                write(value, text);
            });
        }
        Value::Array(values) => list(text, ['[', ']'], values, |text, value| write(value, text)),
        Value::Number(number) => text.push_str(&shortest(number).to_string()),
        // Strings, booleans and null have one compact form.
        other => text.push_str(&other.to_string()),
    }
}

fn list<T>(
    text: &mut String,
    [open, close]: [char; 2],
    items: impl IntoIterator<Item = T>,
    mut item: impl FnMut(&mut String, T),
) {
    text.push(open);
    for (index, each) in items.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        item(text, each);
    }
    text.push(close);
}

fn shortest(number: &Number) -> Number {
    let narrow = |x: f64| {
        let narrow = x as f32;
        (f64::from(narrow) == x).then(|| narrow.to_string().parse().ok()).flatten().and_then(Number::from_f64)
    };
    if number.is_f64() { number.as_f64().and_then(narrow).unwrap_or_else(|| number.clone()) } else { number.clone() }
}

/// The path of the first non-null field of `given` that `known` does not have.
///
/// `known` is what was understood of `given`, written again: a field that is missing from it was
/// ignored, and a field of a newer version must not be.
pub(super) fn unknown_field(given: &Value, known: &Value) -> Option<String> {
    let nested = |name: String, given, known| {
        unknown_field(given, known).map(|path| if path.is_empty() { name.clone() } else { format!("{name}.{path}") })
    };
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => given
            .iter()
            .filter(|(_, value)| !value.is_null())
            .find_map(|(key, value)| nested(key.clone(), value, known.get(key).unwrap_or(&Value::Null))),
        (Value::Array(given), Value::Array(known)) => given
            .iter()
            .enumerate()
            .find_map(|(index, value)| nested(index.to_string(), value, known.get(index).unwrap_or(&Value::Null))),
        (Value::Null, _) => None,
        (_, Value::Null) => Some(String::new()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_and_floats_short() {
        let mut text = String::new();
        write(&json!({"b": [0.1f32, 1, -2.5e-9f32, null], "a": {"d": "x\"\u{e9}", "c": true}}), &mut text);
        assert_eq!(text, r#"{"a":{"c":true,"d":"x\"é"},"b":[0.1,1,-2.5e-9,null]}"#);
    }

    #[test]
    fn short_floats_read_back() {
        for bits in (0..0x7f80_0000u32).step_by(65_521) {
            let x = f32::from_bits(bits);
            let mut text = String::new();
            write(&json!(x), &mut text);
            assert_eq!(serde_json::from_str::<f32>(&text).unwrap().to_bits(), bits, "{text}");
        }
    }

    #[test]
    fn ignored_fields_are_found() {
        let known = json!({"a": [{"b": 1}], "n": null});
        assert_eq!(unknown_field(&json!({"a": [{"b": 2, "x": null}], "z": null}), &known), None);
        assert_eq!(unknown_field(&json!({"a": [{"b": 2, "c": 3}]}), &known), Some("a.0.c".to_owned()));
        assert_eq!(unknown_field(&json!({"a": [{"b": 2}, 4]}), &known), Some("a.1".to_owned()));
    }
}
