//! The table of languages: by which names files are known, the grammar, and which nodes of its trees are what.

use std::sync::LazyLock;
use tree_sitter::Language as Grammar;

/// A language with a grammar.
pub struct Language {
    /// Its name, as results show it.
    pub name: &'static str,
    /// Endings of file names, without the dot, in lower case.
    endings: &'static [&'static str],
    /// Whole file names.
    names: &'static [&'static str],
    /// The grammar.
    pub grammar: LazyLock<Grammar>,
    /// Nodes that become passages.
    definitions: &'static [(&'static str, Kind)],
    /// Nodes around a definition that belong to it: decorators, `export`, `template`.
    pub wrappers: &'static [&'static str],
    /// Stands between the parts of a name.
    pub separator: &'static str,
}

/// What a definition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Code that is called. What is defined in it belongs to it.
    Function,
    /// Type, trait, class, module: has definitions in it, which get passages of their own if it is large.
    Type,
    /// Constant, variable, import of a name.
    Value,
    /// Part of a document or of data, with parts in it.
    Section,
}

impl Kind {
    /// Its name, as results show it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Function => "function",
            Kind::Type => "type",
            Kind::Value => "value",
            Kind::Section => "section",
        }
    }

    /// Whether definitions within it are looked at.
    pub fn is_container(self) -> bool {
        matches!(self, Kind::Type | Kind::Section)
    }
}

impl Language {
    /// The language of a file, by its name.
    pub fn of(path: &str) -> Option<&'static Language> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
        let known = |l: &&Language| {
            l.names.contains(&name) || ending.as_deref().is_some_and(|e| l.endings.contains(&e))
        };
        TABLE.iter().find(known)
    }

    /// What a node of this kind is, if it becomes a passage.
    pub fn definition(&self, node: &str) -> Option<Kind> {
        self.definitions.iter().find(|(kind, _)| *kind == node).map(|(_, kind)| *kind)
    }

    /// All languages.
    pub fn all() -> &'static [Language] {
        &TABLE
    }
}

/// `language!(name, [endings], [names], grammar, separator, [wrappers], Kind [nodes], ...)`
macro_rules! language {
    ($name:literal, $endings:tt, $names:tt, $grammar:expr, $separator:literal, $wrappers:tt,
     functions $functions:tt, types $types:tt, values $values:tt, sections $sections:tt) => {
        Language {
            name: $name,
            endings: &$endings,
            names: &$names,
            grammar: LazyLock::new(|| Grammar::from($grammar)),
            definitions: language!(@pairs Function $functions Type $types Value $values Section $sections),
            wrappers: &$wrappers,
            separator: $separator,
        }
    };
    (@pairs Function [$($f:literal),*] Type [$($t:literal),*] Value [$($v:literal),*] Section [$($s:literal),*]) => {
        &[$(($f, Kind::Function),)* $(($t, Kind::Type),)* $(($v, Kind::Value),)* $(($s, Kind::Section),)*]
    };
}

#[rustfmt::skip] // one language, a few long lines
static TABLE: [Language; 20] = [
    language!("rust", ["rs"], [], tree_sitter_rust::LANGUAGE, "::", [],
        functions ["function_item", "macro_definition", "function_signature_item"],
        types ["struct_item", "enum_item", "union_item", "trait_item", "impl_item", "mod_item"],
        values ["const_item", "static_item", "type_item"], sections []),
    language!("python", ["py", "pyi", "pyw"], [], tree_sitter_python::LANGUAGE, ".", ["decorated_definition"],
        functions ["function_definition"], types ["class_definition"], values [], sections []),
    language!("typescript", ["ts", "mts", "cts"], [], tree_sitter_typescript::LANGUAGE_TYPESCRIPT, ".", ["export_statement"],
        functions ["function_declaration", "generator_function_declaration", "method_definition", "function_signature"],
        types ["class_declaration", "abstract_class_declaration", "interface_declaration", "enum_declaration", "internal_module", "module"],
        values ["lexical_declaration", "variable_declaration", "type_alias_declaration"], sections []),
    language!("tsx", ["tsx"], [], tree_sitter_typescript::LANGUAGE_TSX, ".", ["export_statement"],
        functions ["function_declaration", "generator_function_declaration", "method_definition", "function_signature"],
        types ["class_declaration", "abstract_class_declaration", "interface_declaration", "enum_declaration", "internal_module", "module"],
        values ["lexical_declaration", "variable_declaration", "type_alias_declaration"], sections []),
    language!("javascript", ["js", "mjs", "cjs", "jsx"], [], tree_sitter_javascript::LANGUAGE, ".", ["export_statement"],
        functions ["function_declaration", "generator_function_declaration", "method_definition"],
        types ["class_declaration"], values ["lexical_declaration", "variable_declaration"], sections []),
    language!("go", ["go"], [], tree_sitter_go::LANGUAGE, ".", ["type_declaration"],
        functions ["function_declaration", "method_declaration"], types ["type_spec", "type_alias"],
        values ["const_declaration", "var_declaration"], sections []),
    language!("java", ["java"], [], tree_sitter_java::LANGUAGE, ".", [],
        functions ["method_declaration", "constructor_declaration", "compact_constructor_declaration"],
        types ["class_declaration", "interface_declaration", "enum_declaration", "record_declaration", "annotation_type_declaration"],
        values [], sections []),
    language!("c", ["c", "h"], [], tree_sitter_c::LANGUAGE, ".", ["linkage_specification"],
        functions ["function_definition", "preproc_function_def"],
        types ["struct_specifier", "union_specifier", "enum_specifier"], values ["type_definition"], sections []),
    language!("cpp", ["cc", "cpp", "cxx", "hpp", "hh", "hxx", "ipp", "inl", "tpp", "cu", "cuh"], [], tree_sitter_cpp::LANGUAGE, "::", ["template_declaration"],
        functions ["function_definition", "preproc_function_def"],
        types ["class_specifier", "struct_specifier", "union_specifier", "enum_specifier", "namespace_definition"],
        values ["type_definition", "alias_declaration"], sections []),
    language!("c#", ["cs"], [], tree_sitter_c_sharp::LANGUAGE, ".", [],
        functions ["method_declaration", "constructor_declaration", "property_declaration", "operator_declaration", "indexer_declaration", "delegate_declaration"],
        types ["class_declaration", "struct_declaration", "interface_declaration", "enum_declaration", "record_declaration", "namespace_declaration"],
        values [], sections []),
    language!("ruby", ["rb", "rake", "gemspec"], ["Rakefile", "Gemfile"], tree_sitter_ruby::LANGUAGE, "::", [],
        functions ["method", "singleton_method"], types ["class", "module"], values [], sections []),
    language!("php", ["php", "phtml"], [], tree_sitter_php::LANGUAGE_PHP, "::", [],
        functions ["function_definition", "method_declaration"],
        types ["class_declaration", "interface_declaration", "trait_declaration", "enum_declaration"], values [], sections []),
    language!("bash", ["sh", "bash", "zsh", "ksh", "bats"], [".bashrc", ".zshrc", ".profile", ".bash_profile"], tree_sitter_bash::LANGUAGE, ".", [],
        functions ["function_definition"], types [], values [], sections []),
    language!("sql", ["sql", "ddl", "psql"], [], tree_sitter_sequel::LANGUAGE, ".", ["statement"],
        functions ["create_function", "create_procedure", "create_trigger"],
        types ["create_table", "create_view", "create_materialized_view", "create_type", "create_schema"],
        values ["create_index", "alter_table"], sections []),
    language!("html", ["html", "htm", "xhtml", "vue", "svelte"], [], tree_sitter_html::LANGUAGE, " > ", [],
        functions [], types [], values [], sections ["element", "script_element", "style_element"]),
    language!("css", ["css", "scss", "less"], [], tree_sitter_css::LANGUAGE, " > ", [],
        functions [], types [], values [], sections ["rule_set", "media_statement", "supports_statement", "keyframes_statement", "at_rule"]),
    language!("markdown", ["md", "markdown", "mdx"], [], tree_sitter_md::LANGUAGE, " > ", [],
        functions [], types [], values [], sections ["section"]),
    language!("toml", ["toml"], ["Cargo.lock", "Pipfile", "poetry.lock", "uv.lock"], tree_sitter_toml_ng::LANGUAGE, ".", [],
        functions [], types [], values [], sections ["table", "table_array_element"]),
    language!("yaml", ["yaml", "yml"], [".clang-format", ".clang-tidy"], tree_sitter_yaml::LANGUAGE, ".", [],
        functions [], types [], values [], sections ["block_mapping_pair"]),
    language!("json", ["json", "jsonc", "json5", "geojson", "webmanifest"], [".babelrc", ".eslintrc"], tree_sitter_json::LANGUAGE, ".", [],
        functions [], types [], values [], sections ["pair"]),
];
