//! CBOR for the loopback AWS: CloudWatch's SDK speaks Smithy's RPC v2, and tests are easier to read as JSON.
//! Only what that protocol uses (RFC 8949): maps, lists, texts, numbers, true and false, and times, which are tag 1.

use serde_json::{Map, Number, Value, json};

/// Keys whose numbers are times.
const TIMES: [&str; 3] = ["Timestamps", "StateUpdatedTimestamp", "StartTime"];

/// A JSON value as CBOR.
pub(super) fn encoded(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, false, &mut out);
    out
}

fn write(value: &Value, time: bool, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(truth) => out.push(if *truth { 0xf5 } else { 0xf4 }),
        Value::Number(number) => {
            if time {
                out.push(0xc1);
            }
            out.push(0xfb);
            out.extend(number.as_f64().unwrap().to_be_bytes());
        }
        Value::String(text) => {
            head(3, text.len(), out);
            out.extend(text.as_bytes());
        }
        Value::Array(items) => {
            head(4, items.len(), out);
            items.iter().for_each(|item| write(item, time, out));
        }
        Value::Object(map) => {
            head(5, map.len(), out);
            for (key, value) in map {
                write(&Value::from(key.as_str()), false, out);
                write(value, TIMES.contains(&key.as_str()), out);
            }
        }
    }
}

fn head(major: u8, length: usize, out: &mut Vec<u8>) {
    out.push(major << 5 | 25);
    out.extend(u16::try_from(length).unwrap().to_be_bytes());
}

/// CBOR as a JSON value; times as their seconds.
pub(super) fn decoded(bytes: &[u8]) -> Value {
    let mut rest = bytes;
    read(&mut rest).unwrap_or_else(|| json!("end of an open list"))
}

fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (taken, left) = rest.split_at(N);
    *rest = left;
    taken.try_into().unwrap()
}

/// The next value; none for the mark that ends what had no length.
fn read(rest: &mut &[u8]) -> Option<Value> {
    let [first] = take::<1>(rest);
    let (major, small) = (first >> 5, first & 31);
    let open = small == 31;
    let number = match small {
        24 => u64::from(u8::from_be_bytes(take(rest))),
        25 => u64::from(u16::from_be_bytes(take(rest))),
        26 => u64::from(u32::from_be_bytes(take(rest))),
        27 => u64::from_be_bytes(take(rest)),
        small => u64::from(small),
    };
    let count = if open { usize::MAX } else { usize::try_from(number).unwrap() };
    Some(match major {
        0 => json!(number),
        1 => json!(-1 - i64::try_from(number).unwrap()),
        3 => {
            let (text, left) = rest.split_at(count);
            *rest = left;
            Value::from(std::str::from_utf8(text).unwrap())
        }
        4 => Value::Array((0..count).map_while(|_| read(rest)).collect()),
        5 => {
            let entry = |_| Some((read(rest)?.as_str().unwrap().to_owned(), read(rest)?));
            Value::Object((0..count).map_while(entry).collect::<Map<_, _>>())
        }
        6 => read(rest)?,
        _ => match small {
            20 => json!(false),
            21 => json!(true),
            22 => Value::Null,
            26 => Value::from(f32::from_bits(u32::try_from(number).unwrap())),
            27 => Number::from_f64(f64::from_bits(number)).map_or(Value::Null, Value::Number),
            31 => return None,
            other => panic!("CBOR's simple value {other}"),
        },
    })
}

#[test]
fn what_is_written_is_read() {
    let value = json!({"a": ["x", true, null, {"b": 1.5}], "Timestamps": [60.0]});
    assert_eq!(decoded(&encoded(&value)), value);
}
