//! The web as the agent sees it: providers in the user's order, each asked where the one before failed.

use crate::out::Out;
use crate::page::Pages;
use crate::searxng::Searxng;
use crate::secret::find_secret;
use crate::tavily::Tavily;
use agent::seam::{Page, Web, WebError, WebResults};

/// Somebody who searches.
#[derive(Debug)]
pub enum Provider {
    /// Tavily.
    Tavily(Tavily),
    /// An instance of SearXNG.
    Searxng(Searxng),
}

impl Provider {
    /// Who it is, for people.
    pub fn name(&self) -> &'static str {
        match self {
            Provider::Tavily(_) => "Tavily",
            Provider::Searxng(_) => "SearXNG",
        }
    }

    /// Whether it answers, and what it says of itself; spends no credits.
    pub fn check(&self) -> Result<String, String> {
        match self {
            Provider::Tavily(tavily) if !tavily.has_key() => Ok("asked as a guest, without a key".to_owned()),
            Provider::Tavily(tavily) => {
                let credits = tavily.usage()?;
                let used = credits.plan_used.or(credits.key_used).unwrap_or(0.0);
                let limit = credits.plan_limit.or(credits.key_limit);
                let limit = limit.map_or("an unknown number".to_owned(), |limit| format!("{limit:.0}"));
                Ok(format!("the key works; {used:.0} of {limit} credits are used"))
            }
            Provider::Searxng(searxng) => searxng.search("hone", 1).map(|_| "answers in JSON".to_owned()),
        }
    }

    fn search(&self, query: &str, limit: usize) -> Result<WebResults, String> {
        match self {
            Provider::Tavily(tavily) => tavily.search(query, limit),
            Provider::Searxng(searxng) => searxng.search(query, limit),
        }
    }
}

/// Search and pages. Secrets do not go out, equal questions go out once, and where hone is offline nothing does.
#[derive(Debug)]
pub struct WebServices {
    out: Out,
    providers: Vec<Provider>,
    pages: Pages,
}

impl WebServices {
    /// Providers in the order in which they are asked.
    pub fn new(out: Out, providers: Vec<Provider>, pages: Pages) -> WebServices {
        WebServices { out, providers, pages }
    }

    fn check(&self, text: &str) -> Result<(), WebError> {
        if self.out.is_offline() {
            return Err(WebError::Offline);
        }
        find_secret(text).map_or(Ok(()), |kind| Err(WebError::Secret(kind.to_owned())))
    }

    fn ask_all(&self, query: &str, limit: usize) -> Result<WebResults, WebError> {
        let mut failures = Vec::new();
        for provider in &self.providers {
            match provider.search(query, limit) {
                Ok(mut answer) => {
                    answer.notices.append(&mut failures);
                    return Ok(answer);
                }
                Err(why) => failures.push(format!("{}: {why}", provider.name())),
            }
        }
        if failures.is_empty() {
            Err(WebError::Unconfigured)
        } else {
            Err(WebError::Failed(failures.join("; ")))
        }
    }
}

impl Web for WebServices {
    fn search(&self, query: &str, limit: usize) -> Result<WebResults, WebError> {
        self.check(query)?;
        let question = format!("web_search {limit} {query}");
        let known = self.out.ledger().cached(&question);
        if let Some(mut answer) = known.and_then(|text| serde_json::from_str::<WebResults>(&text).ok()) {
            (answer.cached, answer.credits) = (true, None);
            return Ok(answer);
        }
        let answer = self.ask_all(query, limit)?;
        // A failure on the way is news of this search only.
        let kept = WebResults { notices: Vec::new(), ..answer.clone() };
        if let Ok(text) = serde_json::to_string(&kept) {
            self.out.ledger().cache(&question, &text);
        }
        Ok(answer)
    }

    fn fetch(&self, url: &str) -> Result<Page, WebError> {
        // What is escaped in an address is a secret all the same.
        let plain =
            url::form_urlencoded::parse(url.as_bytes()).map(|(a, b)| format!("{a}={b}")).collect::<Vec<_>>();
        self.check(&plain.join("&"))?;
        self.check(url)?;
        self.pages.fetch(url)
    }
}
