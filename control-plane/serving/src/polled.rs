//! What was taken in from a source, object by object. What cannot be read or does not hold leaves what was there before;
//! a listing that lacks most of what was there is not believed.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use crate::source::{Found, Source};

/// Objects that are read at a time.
const AT_ONCE: usize = 16;

/// The objects of a source that were taken in, by key.
#[derive(Clone, Debug)]
pub struct Polled<T> {
    held: BTreeMap<String, Held<T>>,
    /// Whether it was ever looked at with success.
    seen: bool,
}

#[derive(Clone, Debug)]
struct Held<T> {
    /// The ETag of the bytes that were last read, whether they held or not.
    tag: String,
    /// None until some held.
    value: Option<T>,
}

/// What a look at a source came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Whether anything is other than before.
    pub changed: bool,
    /// What went wrong, in words.
    pub problems: Vec<String>,
}

impl<T> Default for Polled<T> {
    fn default() -> Self {
        Self { held: BTreeMap::new(), seen: false }
    }
}

impl<T> Polled<T> {
    /// Whether it was ever looked at with success.
    pub fn is_known(&self) -> bool {
        self.seen
    }

    /// What holds, by key.
    pub fn values(&self) -> impl Iterator<Item = (&str, &T)> {
        self.held.iter().filter_map(|(key, held)| Some((key.as_str(), held.value.as_ref()?)))
    }

    /// Looks at a source. `read` makes a value of a key's bytes, given the value that is there.
    pub async fn look(
        &mut self,
        source: &Source,
        max: usize,
        wanted: impl Fn(&str) -> bool,
        read: impl Fn(&str, &[u8], Option<&T>) -> Result<T, String>,
    ) -> Taken {
        let mut taken = Taken::default();
        let listed: BTreeMap<String, Option<String>> = match source.list().await {
            Ok(keys) => keys.into_iter().filter(|(key, _)| wanted(key)).collect(),
            Err(why) => {
                taken.problems.push(why);
                return taken;
            }
        };
        let lost = self.held.keys().filter(|key| !listed.contains_key(*key)).count();
        if lost * 2 > self.held.len() {
            let of = self.held.len();
            taken
                .problems
                .push(format!("{lost} of {of} objects are gone at once, which is not believed: all are kept"));
        } else if lost > 0 {
            self.held.retain(|key, _| listed.contains_key(key));
            taken.changed = true;
        }
        let mut news = self.fetch(source, max, &listed, &mut taken).await;
        news.sort();
        for (key, bytes, tag) in news {
            let before = self.held.remove(&key).and_then(|held| held.value);
            let value = match read(&key, &bytes, before.as_ref()) {
                Ok(value) => {
                    taken.changed = true;
                    Some(value)
                }
                Err(why) => {
                    taken.problems.push(format!("{key}: {why}"));
                    before
                }
            };
            self.held.insert(key, Held { tag, value });
        }
        taken.changed |= !self.seen;
        self.seen = true;
        taken
    }

    /// The objects that are other than they were.
    async fn fetch(
        &self,
        source: &Source,
        max: usize,
        listed: &BTreeMap<String, Option<String>>,
        taken: &mut Taken,
    ) -> Vec<(String, Vec<u8>, String)> {
        let tag_of = |key: &String| self.held.get(key).map(|held| held.tag.clone());
        let other = |(key, tag): &(&String, &Option<String>)| tag.is_none() || tag_of(key) != **tag;
        let mut left = listed.iter().filter(other).map(|(key, _)| key.clone());
        let (mut asked, mut news) = (JoinSet::new(), Vec::new());
        let mut ask = |asked: &mut JoinSet<_>| {
            if let Some(key) = left.next() {
                let (source, known) = (source.clone(), tag_of(&key));
                asked.spawn(async move {
                    let found = source.get(&key, known.as_deref(), max).await;
                    (key, found)
                });
            }
        };
        (0..AT_ONCE).for_each(|_| ask(&mut asked));
        while let Some(answered) = asked.join_next().await {
            ask(&mut asked);
            match answered {
                Ok((key, Ok(Found::Is(bytes, tag)))) if bytes.len() <= max => news.push((key, bytes, tag)),
                Ok((key, Ok(Found::Is(..)))) => taken.problems.push(format!("{key}: it has more than {max} bytes")),
                // Gone since the listing: the next look takes it out.
                Ok((_, Ok(Found::Same | Found::Nothing))) => {}
                Ok((_, Err(why))) => taken.problems.push(why),
                Err(error) => taken.problems.push(format!("a read ended before its time: {error}")),
            }
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    async fn look(polled: &mut Polled<u32>, source: &Source) -> Taken {
        polled
            .look(
                source,
                8,
                |key| key.ends_with(".n"),
                |_, bytes, before| {
                    let number =
                        std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).ok_or("no number")?;
                    if before.is_some_and(|before| *before > number) {
                        Err("it goes back".to_owned())
                    } else {
                        Ok(number)
                    }
                },
            )
            .await
    }

    fn held(polled: &Polled<u32>) -> Vec<(&str, u32)> {
        polled.values().map(|(key, value)| (key, *value)).collect()
    }

    #[tokio::test]
    async fn what_does_not_hold_or_cannot_be_read_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let (at, source) = (|name: &str| folder.path().join("s").join(name), Source::Folder(folder.path().join("s")));
        fs::create_dir(folder.path().join("s")).unwrap();
        for (name, text) in [("a.n", "1"), ("b.n", "2"), ("c.n", "x"), ("other", "9")] {
            fs::write(at(name), text).unwrap();
        }
        let mut polled = Polled::default();
        assert!(!polled.is_known());
        assert_eq!(look(&mut polled, &source).await.problems, ["c.n: no number"]);
        assert_eq!(held(&polled), [("a.n", 1), ("b.n", 2)]);
        assert_eq!(look(&mut polled, &source).await, Taken::default(), "nothing new, and a problem is told once");
        for (name, text) in [("a.n", "0"), ("b.n", "123456789"), ("c.n", "3")] {
            fs::write(at(name), text).unwrap();
        }
        let told = look(&mut polled, &source).await.problems;
        assert_eq!(told, ["b.n: it has more than 8 bytes", "a.n: it goes back"]);
        assert_eq!(held(&polled), [("a.n", 1), ("b.n", 2), ("c.n", 3)]);
        fs::rename(folder.path().join("s"), folder.path().join("away")).unwrap();
        assert_eq!(look(&mut polled, &source).await.problems.len(), 1);
        assert_eq!(held(&polled).len(), 3, "the source is away");
        fs::create_dir(folder.path().join("s")).unwrap();
        let told = look(&mut polled, &source).await;
        assert_eq!(told.problems, ["3 of 3 objects are gone at once, which is not believed: all are kept"]);
        assert_eq!((held(&polled).len(), told.changed), (3, false));
    }

    #[tokio::test]
    async fn one_that_is_taken_out_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::Folder(folder.path().to_path_buf());
        for name in ["a.n", "b.n", "c.n"] {
            fs::write(folder.path().join(name), "1").unwrap();
        }
        let mut polled = Polled::default();
        look(&mut polled, &source).await;
        fs::remove_file(folder.path().join("b.n")).unwrap();
        assert_eq!(look(&mut polled, &source).await, Taken { changed: true, problems: Vec::new() });
        assert_eq!(held(&polled), [("a.n", 1), ("c.n", 1)]);
    }
}
