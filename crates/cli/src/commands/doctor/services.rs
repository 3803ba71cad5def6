//! Services that the settings name: do they answer? What is asked spends nothing and tells nothing.

use super::{Finding, State};
use crate::config::{App, VectorPlace};
use crate::{brain, knowing};
use remote::Out;

pub(super) fn look(app: &App) -> Vec<Finding> {
    let Ok(store) = app.store() else { return Vec::new() }; // told elsewhere, and nothing goes out unrecorded
    let out = knowing::out(store, false);
    let mut findings = search(app, &out);
    if app.config.knowledge.store == VectorPlace::Chroma {
        let asked = knowing::chroma(app, &out).map_err(|error| format!("{error:#}"));
        let asked =
            asked.and_then(|chroma| chroma.version().map(|version| format!("answers, version {version}")));
        let advice = "start it (`chroma run`) and check `url` of [knowledge] in config.toml; until then passages are \
                      found by their words only";
        findings.push(finding("chroma", asked, advice, out.is_offline()));
    }
    findings
}

fn search(app: &App, out: &Out) -> Vec<Finding> {
    let advice = "check the key (TAVILY_API_KEY), the address (SEARXNG_URL) and [web] in config.toml";
    match brain::providers(&app.config.web, out) {
        Err(error) => vec![Finding::ok("web search", format!("{error:#}")).but(State::Wrong, advice)],
        Ok(providers) if providers.is_empty() => {
            vec![Finding::ok("web search", "not set up: TAVILY_API_KEY or SEARXNG_URL does it")]
        }
        Ok(providers) => providers
            .iter()
            .map(|provider| {
                let asked = if out.is_offline() { Ok(String::new()) } else { provider.check() };
                finding(&provider.name().to_lowercase(), asked, advice, out.is_offline())
            })
            .collect(),
    }
}

fn finding(what: &str, asked: Result<String, String>, advice: &str, offline: bool) -> Finding {
    let facts = serde_json::json!({"answers": asked.is_ok() && !offline});
    let finding = match asked {
        _ if offline => Finding::ok(what, "set up; not asked, because hone is offline"),
        Ok(detail) => Finding::ok(what, detail),
        Err(why) => Finding::ok(what, why).but(State::Wrong, advice),
    };
    finding.facts(facts)
}
