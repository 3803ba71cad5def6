//! Is there Python in an answer, and does it parse?

use serde::Serialize;
use std::fmt;
use tree_sitter::{Node, Parser};

/// Where a text stops being Python.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct SyntaxError {
    /// Counted from 1.
    pub(super) line: usize,
    /// That line.
    pub(super) text: String,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "syntax error in line {} of the code: {}", self.line, self.text.trim())
    }
}

/// The code of an answer: the first block between fences that is Python's, or else nobody's, or all of the answer
/// where it has no fences. A block that was cut off ends with the answer.
pub(super) fn code(answer: &str) -> Option<String> {
    let blocks = blocks(answer);
    let tagged = |tags: &[&str]| blocks.iter().find(|(tag, _)| tags.contains(&tag.as_str()));
    let found = match blocks.is_empty() {
        true => Some(answer.to_owned()),
        false => tagged(&["python", "python3", "py"]).or(tagged(&[""])).map(|(_, code)| code.clone()),
    };
    found.filter(|code| !code.trim().is_empty())
}

/// What stands between fences, each with the word behind its first fence.
fn blocks(answer: &str) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in answer.lines() {
        match (line.trim_start().strip_prefix("```"), inside) {
            (Some(tag), false) => {
                blocks.push((tag.trim().to_ascii_lowercase(), String::new()));
                inside = true;
            }
            (Some(rest), true) if rest.trim().is_empty() => inside = false,
            (_, true) => {
                let (_, code) = blocks.last_mut().expect("one was begun");
                *code += line;
                code.push('\n');
            }
            (None, false) => {}
        }
    }
    blocks
}

/// Parses Python 3.
pub(super) fn parse(code: &str) -> Result<(), SyntaxError> {
    let mut parser = Parser::new();
    let language = tree_sitter_python::LANGUAGE.into();
    parser.set_language(&language).expect("grammar and parser are of one version");
    let tree = parser.parse(code, None).expect("a language is set, and nothing stops the parser");
    match first_error(tree.root_node()) {
        None => Ok(()),
        Some(node) => {
            let row = node.start_position().row;
            let text = code.lines().nth(row).unwrap_or_default().to_owned();
            Err(SyntaxError { line: row + 1, text })
        }
    }
}

/// The first node, in the order of the text, that is no Python 3.
fn first_error(root: Node<'_>) -> Option<Node<'_>> {
    let mut cursor = root.walk();
    loop {
        let node = cursor.node();
        // The grammar knows Python 2 as well.
        let old = matches!(node.kind(), "print_statement" | "exec_statement" | "<>");
        if node.is_missing() || node.is_error() || old {
            return Some(node);
        }
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    const GOOD: [&str; 6] = [
        "x = 1\n",
        "from fastapi import FastAPI\napp = FastAPI()\n\n@app.get(\"/\")\nasync def root():\n    return {\"a\": 1}\n",
        "print(f\"{x!r:>{width}}\")\n",
        "match x:\n    case [1, *rest] if rest:\n        pass\n",
        "def f(a, /, b, *, c: int = 3) -> list[int]:\n    '''ü'''\n    return [y := a, *b]\n",
        "class A(B, metaclass=C):\n    x: int\n    async def f(self):\n        async with a as b:\n            yield b\n",
    ];
    const BAD: [(&str, usize); 9] = [
        ("x = (1\n", 1),
        ("x = 1\ndef f(:\n    pass\n", 2),
        ("x = 1\nprint \"a\"\n", 2),
        ("def f():\n    x = 1\n    print x\n", 3),
        ("if a <> b:\n    pass\n", 1),
        ("Here is the app:\nx = 1\n", 1),
        ("x = 1\n@app.get(\"/\")\n", 2),
        ("public class Student {\n}\n", 1),
        ("x = 1\n    y = 2\n", 2),
    ];

    #[test]
    fn python_3_parses_and_nothing_else_does() {
        for code in GOOD {
            assert_eq!(parse(code), Ok(()), "{code}");
        }
        for (code, line) in BAD {
            assert_eq!(parse(code).map_err(|e| e.line), Err(line), "{code}");
        }
    }

    #[test]
    fn python_itself_agrees() {
        let ast = |code: &str| {
            let script = "import ast, sys; ast.parse(sys.argv[1])";
            let mut python = Command::new("python3");
            python.args(["-c", script, code]).stderr(Stdio::null()).status().ok().map(|s| s.success())
        };
        if ast("x = 1").is_none() {
            println!("skipped: no python3");
            return;
        }
        for code in GOOD.into_iter().chain(BAD.map(|(code, _)| code)) {
            assert_eq!(ast(code), Some(parse(code).is_ok()), "{code}");
        }
    }

    #[test]
    fn code_is_between_fences_or_everything() {
        let answer =
            "Run:\n```bash\npip install fastapi\n```\nThen:\n  ```Python\nx = 1\ny = 2\n  ```\nDone.";
        assert_eq!(code(answer).unwrap(), "x = 1\ny = 2\n");
        assert_eq!(code("```\nz\n```\n```python\nx\n```").unwrap(), "x\n");
        assert_eq!(code("```\nz\n```\n").unwrap(), "z\n");
        assert_eq!(code("```python\ncut = (").unwrap(), "cut = (\n");
        assert_eq!(code("x = 1").unwrap(), "x = 1");
        for nothing in ["", " \n", "```bash\nls\n```", "```python\n\n```"] {
            assert_eq!(code(nothing), None, "{nothing}");
        }
    }
}
