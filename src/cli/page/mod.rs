//! `report`: the page about fleets. It is one file that asks nothing of a network: style, script and data stand in it.
//!
//! Names, reasons and versions come from tenants, people and AWS, and any of them may be hostile. They reach the page as
//! JSON in a block that no browser runs, written so that no text in it can end the block, and the script puts them into
//! the page as text only. Should both fail, the page's policy lets nothing run and nothing load but its own script and
//! style, by their hashes.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::exit::Exit;
use super::output::write;
use super::render::count;
use super::run::{Report, chosen};
use crate::app::report::{Looking, report};
use crate::app::{Readers, Stop};
use crate::domain::fleet::Application;
use crate::domain::ids::{ContentHash, FleetName, Version};
use crate::domain::report::{self, FleetReport};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
/// In the order in which they need each other.
const SCRIPT: &str = concat!(
    include_str!("dom.js"),
    include_str!("matrix.js"),
    include_str!("timeline.js"),
    include_str!("charts.js"),
    include_str!("history.js"),
    include_str!("main.js"),
);

/// Makes the report, and the page if one is wanted.
pub(super) async fn show(
    readers: &Readers,
    application: &Application,
    only: Option<&FleetName>,
    html: Option<&Path>,
    how: Looking,
) -> Result<Report, Stop> {
    let fleets = chosen(application, only)?;
    let model = report(readers, application, &fleets, how).await?;
    let mut text: String = model.fleets.iter().map(line).collect();
    let json = serde_json::to_value(&model).map_err(|error| Stop::Bug(error.to_string()))?;
    let mut exit = Exit::Done;
    match html.map(|folder| folder.join("index.html")) {
        None => text += "`--html DIR` writes the page, `--json` prints all of it\n",
        Some(path) => match write(&path, &page(&model, &json)) {
            Ok(()) => text += &format!("{}\n", path.display()),
            Err(error) => {
                exit = Exit::Unavailable;
                text += &format!("{} could not be written: {error}\n", path.display());
            }
        },
    }
    Ok(Report { json, ..Report::plain(exit, &text) })
}

fn line(fleet: &FleetReport) -> String {
    let version = fleet.version.as_ref().map_or_else(|| "nothing recorded".to_owned(), Version::to_string);
    let tenants = count(fleet.sets.iter().filter(|set| !set.control_plane).count(), "tenant");
    let rollouts = count(fleet.rollouts_recorded, "rollout");
    let live = if fleet.live { "" } else { "; what is live was not looked at" };
    format!("{} ({version}): {tenants}, {rollouts}{live}\n", fleet.name)
}

/// The page.
fn page(model: &report::Report, json: &Value) -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(bytes(&ContentHash::of(text.as_bytes()))));
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    );
    let title = format!("{} releases", model.app);
    let values = [
        ("{policy}", policy),
        ("{title}", title),
        ("{style}", STYLE.to_owned()),
        ("{data}", data(json)),
        ("{script}", SCRIPT.to_owned()),
    ];
    // Each is looked for behind the one before, so that nothing inside of a value is taken for a place.
    let (mut page, mut rest) = (String::new(), PAGE);
    for (place, value) in values {
        let (before, after) = rest.split_once(place).unwrap_or((rest, ""));
        page += before;
        page += &value;
        rest = after;
    }
    page + rest
}

/// JSON that can stand in a script element: without `<`, `>` and `&` no text in it is a tag or an entity, and the two
/// line separators end no line of it. JSON has these characters in strings only, where the escapes mean the same.
fn data(json: &Value) -> String {
    let mut text = String::new();
    for c in json.to_string().chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => text += &format!("\\u{:04x}", u32::from(c)),
            c => text.push(c),
        }
    }
    text
}

/// The bytes that a hash's hexadecimal digits say.
fn bytes(hash: &ContentHash) -> Vec<u8> {
    let digits: Vec<u8> =
        hash.as_str().chars().filter_map(|c| c.to_digit(16)).filter_map(|d| u8::try_from(d).ok()).collect();
    digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_text_ends_the_block_of_data_or_is_changed_by_being_written_there() {
        let hostile = [
            "</script><script>alert(1)</script>",
            "<!--",
            "]]>",
            "$(touch /tmp/x)",
            "::error::x",
            "a\nb\r\tc\u{0}",
            "\u{2028}\u{2029}",
            "&lt;b&gt;",
            "\"'`\\",
            "{script}{data}{policy}",
        ];
        let json = json!({ "names": hostile });
        let written = data(&json);
        assert!(!written.contains(['<', '>', '&', '\n', '\u{2028}', '\u{2029}']), "{written}");
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), json);
    }

    #[test]
    fn the_assets_can_stand_in_the_page_and_make_text_of_what_they_are_given() {
        assert!(!SCRIPT.contains("</script") && !SCRIPT.contains("<!--") && !STYLE.contains("</style"));
        for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "srcdoc"] {
            assert!(!SCRIPT.contains(way), "{way}");
        }
        // The one address in it is a name: that of SVG's elements.
        let script = SCRIPT.replace("http://www.w3.org/2000/svg", "");
        for way in ["http:", "https:", "@import", "fetch(", "XMLHttpRequest", "import("] {
            assert!(!script.contains(way) && !STYLE.contains(way), "{way}: the page asks nothing of a network");
        }
        let places = ["{policy}", "{title}", "{style}", "{data}", "{script}"];
        let found: Vec<usize> = places.iter().map(|place| PAGE.find(place).unwrap()).collect();
        assert!(found.is_sorted(), "{found:?}");
    }

    #[test]
    fn hashes_are_those_of_a_browser() {
        // CSP Level 3, 8.1: the example of a hash of `alert('Hello, world.');`.
        let hash = ContentHash::of(b"alert('Hello, world.');");
        assert_eq!(STANDARD.encode(bytes(&hash)), "qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=");
    }
}
