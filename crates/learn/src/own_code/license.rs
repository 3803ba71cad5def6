//! May this code be learned? By the licence of its folder and the head of its file.

/// What a licence allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum License {
    /// MIT, Apache, BSD and their like.
    Permissive(&'static str),
    /// Asks for something in return, or allows nothing: it is learned from only where the user says that it is his own.
    Restricted(&'static str),
}

/// Parts of texts and SPDX names, the restricted ones first: a file that names both is restricted.
const KNOWN: [(&str, License); 24] = [
    ("affero general public", License::Restricted("AGPL")),
    ("lesser general public", License::Restricted("LGPL")),
    ("gnu general public", License::Restricted("GPL")),
    ("mozilla public license", License::Restricted("MPL")),
    ("eclipse public license", License::Restricted("EPL")),
    ("european union public", License::Restricted("EUPL")),
    ("server side public license", License::Restricted("SSPL")),
    ("business source license", License::Restricted("BUSL")),
    ("elastic license", License::Restricted("Elastic")),
    ("commons clause", License::Restricted("Commons Clause")),
    ("attribution-noncommercial", License::Restricted("CC-BY-NC")),
    ("attribution-sharealike", License::Restricted("CC-BY-SA")),
    ("proprietary and confidential", License::Restricted("proprietary")),
    ("permission is hereby granted, free of charge", License::Permissive("MIT")),
    ("apache license", License::Permissive("Apache-2.0")),
    ("redistribution and use in source and binary forms", License::Permissive("BSD")),
    ("permission to use, copy, modify, and/or distribute", License::Permissive("ISC")),
    ("permission to use, copy, modify, and distribute", License::Permissive("ISC")),
    ("this is free and unencumbered software", License::Permissive("Unlicense")),
    ("boost software license", License::Permissive("BSL-1.0")),
    ("cc0 1.0 universal", License::Permissive("CC0-1.0")),
    ("zlib license", License::Permissive("Zlib")),
    ("mit license", License::Permissive("MIT")),
    ("all rights reserved", License::Restricted("all rights reserved")),
];

/// SPDX names of permissive licences.
const PERMISSIVE: [&str; 10] = [
    "mit",
    "apache-2.0",
    "bsd-2-clause",
    "bsd-3-clause",
    "isc",
    "0bsd",
    "unlicense",
    "cc0-1.0",
    "zlib",
    "bsl-1.0",
];

/// Names of files that hold a folder's licence.
pub fn is_license_file(name: &str) -> bool {
    let name = name.to_lowercase();
    ["license", "licence", "copying", "unlicense"].iter().any(|start| name.starts_with(start))
}

/// The licence of a folder, by the text of its file. A text that nobody knows is restricted.
pub fn of_text(text: &str) -> License {
    known(text).unwrap_or(License::Restricted("a licence that hone does not know"))
}

/// What the head of a file says; `None` where it says nothing.
pub fn of_head(text: &str) -> Option<License> {
    let head: String = text.lines().take(30).collect::<Vec<_>>().join("\n");
    if let Some(at) = head.find("SPDX-License-Identifier:") {
        let names = head[at + 24..].lines().next().unwrap_or_default().to_lowercase();
        // `A OR B` leaves the choice, `A AND B` does not.
        let permissive =
            |name: &str| PERMISSIVE.contains(&name.trim_matches(|c: char| "()*/# ->".contains(c)).trim());
        let free = names.split(" or ").any(|choice| choice.split(" and ").all(permissive));
        return Some(if free { License::Permissive("SPDX") } else { License::Restricted("SPDX") });
    }
    known(&head)
}

fn known(text: &str) -> Option<License> {
    let text = text
        .to_lowercase()
        .split(|c: char| c.is_whitespace() || "*#/".contains(c))
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    KNOWN.iter().find(|(part, _)| text.contains(part)).map(|(_, license)| *license)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_are_told_by_their_words() {
        let mit = "MIT License\n\nPermission is hereby granted, free of\ncharge, to any person";
        assert_eq!(of_text(mit), License::Permissive("MIT"));
        assert_eq!(of_text("GNU GENERAL PUBLIC LICENSE\nVersion 3"), License::Restricted("GPL"));
        assert_eq!(of_text("GNU AFFERO GENERAL PUBLIC LICENSE"), License::Restricted("AGPL"));
        assert!(matches!(of_text("Do what Bob says."), License::Restricted(_)));
        assert_eq!(
            of_head("// SPDX-License-Identifier: MIT OR Apache-2.0\n"),
            Some(License::Permissive("SPDX"))
        );
        assert_eq!(of_head("/* SPDX-License-Identifier: GPL-2.0 */\n"), Some(License::Restricted("SPDX")));
        assert_eq!(
            of_head("# SPDX-License-Identifier: MIT AND GPL-3.0-only"),
            Some(License::Restricted("SPDX"))
        );
        assert_eq!(
            of_head(" * under the GNU General\n * Public License\n"),
            Some(License::Restricted("GPL"))
        );
        assert_eq!(
            of_head("// Copyright 2026 Bob. All rights reserved."),
            Some(License::Restricted("all rights reserved"))
        );
        assert_eq!(of_head("fn main() {}"), None);
        assert!(is_license_file("LICENSE-MIT") && is_license_file("COPYING") && !is_license_file("lib.rs"));
    }
}
