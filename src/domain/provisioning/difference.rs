//! What differs between a committed file and what it should be, by place, for whoever has to look at a failed check.

use serde_json::Value;

/// Every place at which two files differ, in the order of the keys: `tenants.acme.state: active, should be paused`.
/// Files that say the same and are written differently have one difference; equal files have none.
pub fn difference(committed: Option<&[u8]>, wanted: &[u8]) -> Vec<String> {
    let Some(committed) = committed else { return vec!["there is no file yet".to_owned()] };
    if committed == wanted {
        return Vec::new();
    }
    let mut found = Vec::new();
    if let (Ok(is), Ok(should)) = (serde_json::from_slice::<Value>(committed), serde_json::from_slice::<Value>(wanted))
    {
        compare("", &is["fleet"], &should["fleet"], &mut found);
    }
    if found.is_empty() {
        found.push("it says the same and is written differently".to_owned());
    }
    found
}

fn compare(place: &str, is: &Value, should: &Value, found: &mut Vec<String>) {
    let (Value::Object(a), Value::Object(b)) = (is, should) else {
        if is != should {
            found.push(format!("{place}: {is}, should be {should}"));
        }
        return;
    };
    let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
        match (a.get(key), b.get(key)) {
            (Some(is), Some(should)) => compare(&place, is, should, found),
            (Some(_), None) => found.push(format!("{place}: is there and should not be")),
            _ => found.push(format!("{place}: is missing")),
        }
    }
}
