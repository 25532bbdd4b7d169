//! Reads a GraphQL query into fields with their arguments, variables already put in.

use std::iter::Peekable;
use std::vec::IntoIter;

use serde_json::{Map, Value};

#[derive(Debug)]
pub(super) struct Field {
    /// What the answer calls it: the alias, or the name.
    pub(super) key: String,
    pub(super) name: String,
    pub(super) arguments: Map<String, Value>,
    pub(super) selection: Vec<Field>,
}

impl Field {
    pub(super) fn text(&self, argument: &str) -> Option<&str> {
        self.arguments.get(argument)?.as_str()
    }

    pub(super) fn child(&self, name: &str) -> Option<&Field> {
        self.selection.iter().find(|field| field.name == name)
    }
}

/// The root fields of the first operation; none when the text does not parse. Named fragments are
/// not understood.
pub(super) fn read(query: &str, variables: &Value) -> Option<Vec<Field>> {
    let tokens = tokens(query)?.into_iter().peekable();
    let variables = variables.as_object().cloned().unwrap_or_default();
    let mut reader = Reader { tokens, variables };
    if !reader.at('{') {
        reader.name()?;
        reader.operation_name();
        reader.variable_definitions()?;
    }
    reader.selection()
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Mark(char),
    /// `...`
    Spread,
    Name(String),
    Literal(Value),
}

fn tokens(query: &str) -> Option<Vec<Token>> {
    let (mut tokens, mut rest) = (Vec::new(), ignored(query));
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '"' => string(rest)?,
            '.' if rest.starts_with("...") => (Token::Spread, 3),
            '-' | '0'..='9' => number(rest)?,
            'A'..='Z' | 'a'..='z' | '_' => name(rest),
            mark => (Token::Mark(mark), mark.len_utf8()),
        };
        tokens.push(token);
        rest = ignored(&rest[length..]);
    }
    Some(tokens)
}

/// The text after what GraphQL ignores: blanks, commas and comments.
pub(super) fn ignored(text: &str) -> &str {
    let rest = text.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
    match rest.strip_prefix('#') {
        Some(comment) => ignored(comment.split_once('\n').map_or("", |(_, rest)| rest)),
        None => rest,
    }
}

/// GraphQL's strings are JSON's, save for block strings, which nobody sends here.
fn string(text: &str) -> Option<(Token, usize)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let value = values.next()?.ok()?;
    Some((Token::Literal(value), values.byte_offset()))
}

fn number(text: &str) -> Option<(Token, usize)> {
    let end = text[1..].find(|c: char| !c.is_ascii_digit());
    let length = end.map_or(text.len(), |end| end + 1);
    let value: i64 = text[..length].parse().ok()?;
    Some((Token::Literal(value.into()), length))
}

fn name(text: &str) -> (Token, usize) {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let length = end.unwrap_or(text.len());
    (Token::Name(text[..length].to_owned()), length)
}

struct Reader {
    tokens: Peekable<IntoIter<Token>>,
    variables: Map<String, Value>,
}

impl Reader {
    fn at(&mut self, mark: char) -> bool {
        self.tokens.peek() == Some(&Token::Mark(mark))
    }

    fn skip(&mut self, mark: char) -> bool {
        self.tokens.next_if_eq(&Token::Mark(mark)).is_some()
    }

    fn name(&mut self) -> Option<String> {
        match self.tokens.next()? {
            Token::Name(name) => Some(name),
            _ => None,
        }
    }

    fn operation_name(&mut self) {
        self.tokens.next_if(|token| matches!(token, Token::Name(_)));
    }

    /// `($first: Int! = 10)`: only the defaults matter.
    fn variable_definitions(&mut self) -> Option<()> {
        if !self.skip('(') {
            return Some(());
        }
        while self.skip('$') {
            let name = self.name()?;
            while !matches!(self.tokens.peek()?, Token::Mark('$' | ')' | '=')) {
                self.tokens.next();
            }
            if self.skip('=') {
                let default = self.value()?;
                self.variables.entry(name).or_insert(default);
            }
        }
        self.skip(')').then_some(())
    }

    fn selection(&mut self) -> Option<Vec<Field>> {
        let mut fields = Vec::new();
        if !self.skip('{') {
            return Some(fields);
        }
        while !self.skip('}') {
            if self.tokens.next_if_eq(&Token::Spread).is_some() {
                // `... on Type { … }`: every object here has just one type.
                self.name().filter(|word| word == "on")?;
                self.name()?;
                fields.extend(self.selection()?);
            } else {
                fields.push(self.field()?);
            }
        }
        Some(fields)
    }

    fn field(&mut self) -> Option<Field> {
        let key = self.name()?;
        let name = if self.skip(':') { self.name()? } else { key.clone() };
        let arguments = if self.skip('(') { self.entries(')')? } else { Map::new() };
        let selection = self.selection()?;
        Some(Field { key, name, arguments, selection })
    }

    fn entries(&mut self, end: char) -> Option<Map<String, Value>> {
        let mut entries = Map::new();
        while !self.skip(end) {
            let name = self.name()?;
            self.skip(':').then_some(())?;
            entries.insert(name, self.value()?);
        }
        Some(entries)
    }

    fn value(&mut self) -> Option<Value> {
        match self.tokens.next()? {
            Token::Literal(value) => Some(value),
            Token::Name(word) => Some(match word.as_str() {
                "null" => Value::Null,
                "true" => true.into(),
                "false" => false.into(),
                _ => word.into(),
            }),
            Token::Mark('$') => {
                let name = self.name()?;
                Some(self.variables.get(&name).cloned().unwrap_or_default())
            }
            Token::Mark('{') => self.entries('}').map(Value::Object),
            Token::Mark('[') => {
                let mut items = Vec::new();
                while !self.skip(']') {
                    items.push(self.value()?);
                }
                Some(items.into())
            }
            _ => None,
        }
    }
}
