//! Templates come out of files made by strangers. Whatever one does, rendering it ends, with a typed error or a
//! bounded text, in little memory. This is a file of its own because it measures the memory of its process.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests may fail the test, and a time is shown"
)]

use engine::gguf::{Gguf, Metadata};
use engine::text::{ChatTemplate, Message, TextError, Tokenizer};
use std::path::Path;
use std::time::{Duration, Instant};

/// What the contract of a chat template is broken with: loops without end, great numbers, great texts, deep
/// nesting, doubling, and whatever would reach outside.
fn hostile() -> Vec<String> {
    let mut all: Vec<String> = LINES.trim().lines().map(str::to_owned).collect();
    let n = 20_000;
    // Doubling.
    for (start, step) in [
        ("'x'", "ns.v ~ ns.v"),
        ("'x'", "ns.v + ns.v"),
        ("'x'", "ns.v * 10"),
        ("'x'", "ns.v|replace('x', 'xx')"),
        ("'x'", "ns.v.replace('x', 'xx')"),
        ("'xy'", "ns.v.replace('', 'xx')"),
        ("'xy'", "ns.v|replace('', 'xxxxxxxxxx')"),
        ("'x'", "ns.v|indent(1000000, true)"),
        ("'x'", "[ns.v, ns.v]|join"),
        ("'x'", "ns.v.join([ns.v, ns.v])"),
        ("'x'", "''.join([ns.v, ns.v])"),
        ("'x'", "ns.v.join(ns.v)"),
        ("'x'", "'%s%s'|format(ns.v, ns.v)"),
        ("'x'", "(ns.v ~ ns.v)|upper"),
        ("'x'", "'ŉ' ~ ns.v.upper() ~ ns.v.upper()"),
        ("[1]", "ns.v + ns.v"),
        ("[1]", "ns.v * 3"),
        ("[1]", "[ns.v, ns.v]"),
        ("[1]", "(ns.v + ns.v)|list"),
        ("(1,)", "ns.v + ns.v"),
        ("(1,)", "(ns.v, ns.v)"),
        ("{'a': 1}", "{'a': ns.v, 'b': ns.v}"),
        ("{'a': 1}", "dict(a=ns.v, b=ns.v)"),
        ("2", "ns.v * ns.v"),
        ("2", "ns.v ** 100"),
    ] {
        let grow = format!(
            "{{% set ns = namespace(v={start}) %}}{{% for i in range(60) %}}{{% set ns.v = {step} %}}{{% endfor %}}"
        );
        for end in [
            "",
            "{{ ns.v }}",
            "{{ ns.v|length }}",
            "{{ ns.v|tojson }}",
            "{{ ns.v|tojson(indent=8) }}",
            "{{ '' ~ ns.v }}",
            "{{ ns.v|string }}",
            "{{ ns.v|pprint }}",
            "{{ [ns.v]|join(',') }}",
            "{{ ns.v == ns.v }}",
            "{{ ns.v != [ns.v] }}",
            "{{ [ns.v, ns.v]|unique|list }}",
            "{{ [ns.v, ns.v]|sort }}",
            "{{ {ns.v: 1} }}",
            "{{ ns.v in [ns.v, [ns.v]] }}",
            "{{ raise_exception(ns.v|string) }}",
        ] {
            all.push(format!("{grow}{end}"));
        }
    }
    // Long and deep sources.
    for (part, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{'a':", "}"),
        ("not ", ""),
        ("-", ""),
        ("f(", ")"),
        ("[0,", "]"),
        ("1 if ", " else 2"),
        ("a[", "]"),
    ] {
        all.push(format!("{{{{ {}1{} }}}}", part.repeat(n), close.repeat(n)));
    }
    for part in [
        "+ 1",
        "~ 'a'",
        "and 1",
        "or 0",
        "== 1",
        ".a",
        "[0]",
        "|upper",
        "|trim()",
        ", 1",
        "if 1 else 1",
        "is defined",
        "** 1",
        "()",
        "'a'",
        "< 1",
        "in [1]",
    ] {
        all.push(format!("{{{{ 1 {} }}}}", format!("{part} ").repeat(n)));
        all.push(format!("{{% set x = a {} %}}", format!("{part} ").repeat(n)));
    }
    for (open, close) in [
        ("{% if 1 %}", "{% endif %}"),
        ("{% for i in [1] %}", "{% endfor %}"),
        ("{% for i in [1,2] %}", "{% endfor %}"),
        ("{% set x %}", "{% endset %}"),
        ("{% filter upper %}", "{% endfilter %}"),
        ("{% with x = 1 %}", "{% endwith %}"),
        ("{% macro m() %}", "{% endmacro %}"),
        ("{% block b %}", "{% endblock %}"),
        ("{% call m() %}", "{% endcall %}"),
        ("{% if 1 %}a{% elif 2 %}", "{% endif %}"),
    ] {
        for depth in [60, n / 10] {
            all.push(format!("{}x{}", open.repeat(depth), close.repeat(depth)));
        }
    }
    all.push(format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}a".repeat(n)));
    all.push("{{ x }}".repeat(n));
    all.push("{#".repeat(n));
    all.push("{% raw %}".repeat(n));
    all.push("{".repeat(200_000));
    all.push("x".repeat(300_000));
    all.push(format!("{{{{ '{}' }}}}", "\\u0041".repeat(n)));
    all.push(format!("{{{{ {} }}}}", "9".repeat(100_000)));
    all
}

const LINES: &str = r#"
{{ 'x' * 10**9 }}
{{ 10**9 * 'x' }}
{{ ('x' * 10**6) * 10**6 }}
{{ 'x' * 99999999 }}
{{ ['x'] * 10**9 }}
{{ ([1] * 10**8)|length }}
{{ ([1] * 10**8)|list }}
{{ ([1] * 10**8)|join }}
{{ ([1] * 10**8)|sum }}
{{ ([1] * 10**8)|last }}
{{ ([1] * 10**8)|sort }}
{{ ([1] * 10**8)[::-1] }}
{{ ([1] * 10**8)[99999999] }}
{{ 2 in ([1] * 10**8) }}
{{ ([1] * 10**8) == ([1] * 10**8) }}
{{ ([1] * 10**8)|tojson }}
{{ ((1,) * 10**8)|length }}
{{ range(10**9) }}
{{ range(10**9)|list }}
{{ range(0, 10**18, 10**14)|sum }}
{{ range(99999)|map('string')|join(',')|length }}
{% for i in range(10**9) %}{% endfor %}
{% for i in range(100000) %}{{ i }}{% endfor %}
{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}
{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}
{% for i in range(9999) %}{{ 'y' * 9999 }}{% endfor %}
{% for i in 'x' * 10**8 %}{{ i }}{% endfor %}
{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}
{% for i in [1] recursive %}{{ loop([1, 1, 1]) }}{% endfor %}
{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}
{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}
{% macro m(x) %}{{ m(x ~ x) }}{% endmacro %}{{ m('x') }}
{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}
{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{% call m() %}{{ m() }}{% endcall %}{% endcall %}
{% set x = 'x' * 100000 %}{% for i in range(10000) %}{{ x|upper|length }}{% endfor %}
{% set x = 'x' * 100000 %}{% for i in range(10000) %}{{ x.strip(x) }}{% endfor %}
{% set x = 'x' * 100000 %}{{ x.strip('y' * 100000 ~ 'x') }}
{% set x = 'x' * 100000 %}{{ x.replace('', x) }}
{% set x = 'x' * 100000 %}{{ x.replace('x', x) }}
{% set x = 'x' * 100000 %}{{ x|replace('x', x) }}
{% set x = 'x' * 100000 %}{{ x.split('x')|length }}
{% set x = 'x ' * 100000 %}{{ x.split()|length }}
{% set x = '\n' * 100000 %}{{ x.splitlines()|length }}
{% set x = '\n' * 100000 %}{{ x|indent(1000) }}
{% set x = '\n' * 100000 %}{{ x|indent(10**9) }}
{% set x = 'x' * 100000 %}{{ x.join(x) }}
{% set x = 'x' * 100000 %}{{ x|list|join(x) }}
{% set x = 'x' * 100000 %}{% for i in range(9999) %}{{ x.startswith(x) }}{{ x.endswith(x) }}{% endfor %}
{% set x = ['x'] * 100000 %}{% for i in range(9999) %}{{ 'y'.startswith(x) }}{% endfor %}
{% set x = 'x' * 100000 %}{% for i in range(9999) %}{{ x.count('y') }}{{ x.find('y') }}{{ x.isdigit() }}{% endfor %}
{% set x = 'x' * 100000 %}{% for i in range(9999) %}{{ x[::-1] }}{% endfor %}
{% set x = 'x' * 100000 %}{% for i in range(9999) %}{{ x[99999] }}{% endfor %}
{% set x = 'x' * 100000 %}{% for i in range(9999) %}{{ 'y' in x }}{% endfor %}
{% set x = 'x' * 100000 %}{% for i in range(9999) %}{{ x == x ~ '' }}{% endfor %}
{{ '{:1000000000}'.format('x') }}
{{ '{0:>{1}}'.format('x', 10**9) }}
{{ '%1000000000d'|format(1) }}
{{ '%.1000000000f'|format(1.0) }}
{{ '%*d'|format(10**9, 1) }}
{{ 'x'|center(10**9) }}
{{ 'x'.center(10**9) }}
{{ 'x'.ljust(10**9) }}
{{ 'x'.zfill(10**9) }}
{{ 'x\t'.expandtabs(10**9) }}
{{ 'x'.encode('utf-8') }}
{{ 10**10**10 }}
{{ 2**(2**20) }}
{{ 9**9**9**9 }}
{{ -(10**400) }}
{{ 1 // 0 }}
{{ 1 % 0 }}
{{ 1 / 0 }}
{{ 1e308 * 10 }}
{{ messages|batch(10**9)|list }}
{{ messages|batch(10**9, 'x')|list }}
{{ messages|slice(10**9)|list }}
{{ messages|slice(10**6, 'x')|list }}
{{ 'x'|batch(10**18, 'y')|list }}
{{ messages[0:10**18:10**17] }}
{{ messages[10**18] }}
{{ messages|tojson(indent=10**9) }}
{{ messages|tojson(indent=16) * 100000 }}
{{ messages|pprint }}
{{ 1|round(10**9) }}
{{ 1.5|round(-400) }}
{{ lipsum(10**6) }}
{{ cycler(1,2) }}
{{ debug() }}
{{ self }}
{{ self.b() }}
{{ loop }}
{{ range }}
{{ messages.__class__.__mro__[1].__subclasses__() }}
{{ ''.__class__ }}
{{ ().__class__.__bases__[0] }}
{{ config }}
{{ request }}
{{ get_flashed_messages.__globals__ }}
{{ messages.append(messages) }}
{{ messages.pop() }}
{% set _ = messages.update(messages) %}
{% include 'chat template' %}
{% include '/etc/passwd' %}
{% include ['a', 'b'] ignore missing %}
{% import 'x' as y %}
{% from 'x' import y %}
{% extends 'chat template' %}
{% block a %}{{ super() }}{% endblock %}
{% block a %}{{ self.a() }}{% endblock %}
{% autoescape true %}{{ x }}{% endautoescape %}
{% do messages.append(1) %}
{% eval %}
{% set messages = messages * 10**7 %}{% for m in messages %}{{ m.content }}{% endfor %}
{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}{{ ns|tojson }}
{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = ns.x + [ns.x] %}{% endfor %}{{ ns.x }}
{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}
{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x|tojson }}
{% set ns = namespace(x=[]) %}{% for i in range(40000) %}{% set ns.x = [ns.x] %}{% endfor %}
{% set ns = namespace(x=1) %}{% for i in range(40000) %}{% set ns.x = {'a': ns.x} %}{% endfor %}{{ ns.x == ns.x }}
{% set ns = namespace(x='') %}{% for i in range(40000) %}{% set ns.x = ns.x|upper|lower|trim %}{% endfor %}
{% set ns = namespace(x=range(9)) %}{% for i in range(40000) %}{% set ns.x = ns.x|map('string') %}{% endfor %}{{ ns.x|list }}
{% set ns = namespace(x=range(9)) %}{% for i in range(40000) %}{% set ns.x = ns.x|select %}{% endfor %}{{ ns.x|list }}
{% set ns = namespace(x=[1]) %}{% for i in range(40000) %}{% set ns.x = ns.x[0:] %}{% endfor %}{{ ns.x|list }}
{% set ns = namespace(x=[1]) %}{% for i in range(40000) %}{% set ns.x = ns.x + [1] %}{% endfor %}{{ ns.x[0] }}
{% set ns = namespace(x=[1]) %}{% for i in range(40000) %}{% set ns.x = ns.x|reverse %}{% endfor %}{{ ns.x|list }}
{% set ns = namespace(x=[1]) %}{% for i in range(40000) %}{% set ns.x = ns.x|chain([1]) %}{% endfor %}{{ ns.x|list }}
{% set ns = namespace(x=[1]) %}{% for i in range(40000) %}{% set ns.x = ns.x|zip([1]) %}{% endfor %}{{ ns.x|list }}
{% set ns = namespace(x=[1]) %}{% for i in range(40000) %}{% set ns.x = ns.x * 1 %}{% endfor %}{{ ns.x|list }}
{{ strftime_now('%Y' * 100000) }}
{{ strftime_now() }}
{{ raise_exception() }}
{{ raise_exception('x' * 10**8) }}
{{ undefined_function() }}
{{ 'x'|undefined_filter }}
{{ 'x' is undefined_test }}
{{ undefined.attribute }}
{{ messages[99].content }}
{{
{%
{% for %}
{% endif %}
{% if %}x{% endif %}
{{ 'unclosed }}
{{ 'x' ~ }}
{% raw %}
{% set %}
{{ 1 +* 2 }}
{{ "\ud800" }}
{{ "\uZZZZ" }}
"#;

fn tokenizer() -> Tokenizer {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tokens/smollm.gguf");
    let metadata: Metadata = Gguf::open(&path).unwrap().metadata().clone();
    Tokenizer::from_gguf(&metadata).unwrap()
}

/// Most memory that this process has ever had, in KiB.
fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
}

#[test]
fn hostile_templates_end_with_a_bounded_text_or_a_typed_error() {
    let tokenizer = tokenizer();
    let messages = [Message { role: "user".into(), content: "hello <|im_end|> ".repeat(20) }];
    let templates = hostile();
    assert!(templates.len() >= 400);
    let before = peak();
    let mut slowest = (Duration::ZERO, "");
    let mut refused = 0;
    for source in &templates {
        let start = Instant::now();
        match ChatTemplate::new(source).and_then(|template| template.render(&tokenizer, &messages, true)) {
            Ok(tokens) => assert!(tokens.len() <= 1 << 20),
            Err(TextError::Template(_) | TextError::TemplateLimit(_) | TextError::Refused(_)) => refused += 1,
            Err(TextError::TooLarge { .. }) => refused += 1,
            Err(other) => panic!("{other:?} for {source:.80}"),
        }
        slowest = slowest.max((start.elapsed(), source));
    }
    // A time cannot be asserted on a busy machine; it is here to be seen.
    println!("{} templates, {refused} refused, slowest {:?}: {:.80}", templates.len(), slowest.0, slowest.1);
    if let (Some(before), Some(after)) = (before, peak()) {
        assert!(after - before <= 32 << 10, "{} KiB more memory", after - before);
    }
}
