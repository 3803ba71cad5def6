//! What the user types: a message over one or several lines, or a command.

/// One finished input.
#[derive(Debug, PartialEq)]
pub(super) enum Input {
    Message(String),
    Help,
    /// Use another model, or say which one is used.
    Model(Option<String>),
    /// Set the instruction, or say what it is.
    System(Option<String>),
    Reset,
    Save(Option<String>),
    /// Make an offered rule hold; without an id, those that were offered last.
    Accept(Option<String>),
    Leave,
    Unknown(String),
}

pub(super) const HELP: &str = "\
/help           this list
/model [NAME]   use another model; without a name, say which one is used
/system [TEXT]  set the instruction that stands before the conversation; without text, show it
/reset          forget the conversation
/save FILE      write the conversation to FILE as JSON
/accept [ID]    make a rule hold that was offered as a draft
/quit           leave, like Ctrl-D
A line that ends with \\ goes on in the next one. Lines between two \"\"\" are one message.
A message that begins with \"remember:\" teaches a rule. Ctrl-C stops an answer.
";

/// Lines of a message that is not finished yet.
#[derive(Default)]
pub(super) struct Draft {
    text: String,
    /// Between two `\"\"\"`.
    block: bool,
    /// The line before ended with a backslash.
    goes_on: bool,
}

impl Draft {
    /// Whether the next line belongs to what is there already.
    pub(super) fn is_open(&self) -> bool {
        self.block || self.goes_on
    }

    /// Takes the next line; gives the input when this line ends it. Empty input is never given.
    pub(super) fn push(&mut self, line: &str) -> Option<Input> {
        let starts_block = !self.is_open() && line.trim_start().starts_with("\"\"\"");
        let line = if starts_block { &line.trim_start()[3..] } else { line };
        self.block |= starts_block;
        if self.block {
            let Some(last) = line.trim_end().strip_suffix("\"\"\"") else {
                self.add(line, !starts_block || !line.is_empty());
                return None;
            };
            self.add(last, !last.is_empty());
            return self.finish(Input::Message);
        }
        if let Some(head) = line.strip_suffix('\\') {
            self.add(head, true);
            self.goes_on = true;
            return None;
        }
        let single = !self.goes_on;
        self.add(line, true);
        self.finish(if single { parse } else { Input::Message })
    }

    fn add(&mut self, line: &str, wanted: bool) {
        if wanted {
            self.text += line;
            self.text.push('\n');
        }
    }

    fn finish(&mut self, make: impl FnOnce(String) -> Input) -> Option<Input> {
        let draft = std::mem::take(self);
        let text = draft.text.trim_end();
        (!text.trim().is_empty()).then(|| make(text.to_string()))
    }
}

/// A line is a command when it starts with a slash and a word: a path such as `/etc/hosts` is a message.
fn parse(line: String) -> Input {
    let Some(command) = line.strip_prefix('/') else {
        return Input::Message(line);
    };
    let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let rest = Some(rest.trim()).filter(|r| !r.is_empty()).map(String::from);
    match word {
        "help" | "?" => Input::Help,
        "model" => Input::Model(rest),
        "system" => Input::System(rest),
        "reset" => Input::Reset,
        "save" => Input::Save(rest),
        "accept" => Input::Accept(rest),
        "quit" | "exit" | "bye" => Input::Leave,
        _ if word.contains('/') || word.is_empty() => Input::Message(line),
        _ => Input::Unknown(word.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The inputs that these lines make, and whether something is left open.
    fn inputs(lines: &[&str]) -> (Vec<Input>, bool) {
        let mut draft = Draft::default();
        let inputs = lines.iter().filter_map(|line| draft.push(line)).collect();
        (inputs, draft.is_open())
    }

    fn messages(lines: &[&str]) -> Vec<String> {
        let (inputs, open) = inputs(lines);
        assert!(!open);
        let text = |input| match input {
            Input::Message(text) => text,
            other => panic!("{other:?}"),
        };
        inputs.into_iter().map(text).collect()
    }

    #[test]
    fn a_line_is_a_message() {
        assert_eq!(messages(&["hello", "", "  ", "a \"\"\" b"]), ["hello", "a \"\"\" b"]);
    }

    #[test]
    fn a_backslash_goes_on() {
        assert_eq!(messages(&["a\\", "/help\\", "c"]), ["a\n/help\nc"]);
        assert_eq!(messages(&["/help\\", "me"]), ["/help\nme"], "a command is one line");
        assert!(inputs(&["a\\"]).1);
    }

    #[test]
    fn quotes_hold_a_block_together() {
        assert_eq!(messages(&["\"\"\"", "fn a() {", "", "    1", "}", "\"\"\""]), ["fn a() {\n\n    1\n}"]);
        assert_eq!(messages(&["\"\"\"a\\", "b\"\"\"", "c"]), ["a\\\nb", "c"]);
        assert_eq!(messages(&["\"\"\"one line\"\"\""]), ["one line"]);
        assert_eq!(inputs(&["\"\"\"", "x"]), (vec![], true));
        assert_eq!(messages(&["\"\"\"", "\"\"\""]), [] as [&str; 0]);
    }

    #[test]
    fn slashes_are_commands_and_paths_are_not() {
        let (all, _) = inputs(&[
            "/help",
            "/model",
            "/model a b",
            "/system Be kind.",
            "/save x.json",
            "/accept",
            "/quit",
            "/nope x",
        ]);
        let word = |s: &str| Some(s.to_string());
        assert_eq!(
            all,
            [
                Input::Help,
                Input::Model(None),
                Input::Model(word("a b")),
                Input::System(word("Be kind.")),
                Input::Save(word("x.json")),
                Input::Accept(None),
                Input::Leave,
                Input::Unknown("nope".into()),
            ]
        );
        assert_eq!(
            messages(&["/etc/hosts is a file", "// a comment"]),
            ["/etc/hosts is a file", "// a comment"]
        );
    }
}
