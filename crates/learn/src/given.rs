//! Which answers of a conversation are targets: those after what is given.

use engine::text::Message;

/// Takes the marks off the answers among the first `given` messages. `marks` says which tokens the assistant wrote: a
/// run of them for each answer, in order.
pub(crate) fn unmark(marks: &mut [bool], messages: &[Message], given: usize) {
    let answers =
        |messages: &[Message]| messages.iter().filter(|message| message.role == "assistant").count();
    let targets = answers(&messages[given.min(messages.len())..]);
    let (mut end, mut runs) = (marks.len(), 0);
    while let Some(last) = marks[..end].iter().rposition(|mark| *mark) {
        let start = marks[..last].iter().rposition(|mark| !mark).map_or(0, |at| at + 1);
        if runs == targets {
            marks[..=last].fill(false);
            return;
        }
        (runs, end) = (runs + 1, start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_answers_are_no_targets() {
        let said = |role: &str| Message { role: role.into(), content: String::new() };
        let messages = ["user", "assistant", "user", "assistant", "user", "assistant"].map(said);
        let all = [0, 1, 1, 0, 1, 0, 0, 1, 1, 0].map(|mark| mark == 1);
        for (given, expected) in [
            (0, [0, 1, 1, 0, 1, 0, 0, 1, 1, 0]),
            (2, [0, 0, 0, 0, 1, 0, 0, 1, 1, 0]),
            (3, [0, 0, 0, 0, 1, 0, 0, 1, 1, 0]),
            (5, [0, 0, 0, 0, 0, 0, 0, 1, 1, 0]),
            (9, [0; 10]),
        ] {
            let mut marks = all;
            unmark(&mut marks, &messages, given);
            assert_eq!(marks, expected.map(|mark| mark == 1), "{given}");
        }
    }
}
