//! `hone doctor`: what is wrong on this machine, and how to fix it.

mod services;

use crate::config::App;
use crate::flags::Doctor;
use crate::output::{self, bytes};
use hub::{Installed, PullOptions};
use kernels::detect::Isa;
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, ExitCode};

/// Below this a model cannot be fetched with any comfort.
const LITTLE_DISK: u64 = 1 << 30;
/// Bytes free, below which nothing can be learned or fetched any more.
const FULL_DISK: u64 = 64 << 20;

pub(crate) fn run(app: &App, flags: &Doctor) -> anyhow::Result<ExitCode> {
    let system = sysinfo::System::new_all()?;
    let models = app.library()?.list()?;
    let mut findings =
        vec![processor(&system), memory(&system), disk(&app.home), chosen(app, &models), python(&models)];
    findings.extend(models.iter().map(|m| model(m, flags.verify)));
    findings.extend([kept(app, flags.verify), port(app), network()]);
    findings.extend(services::look(app));

    let healthy = findings.iter().all(|f| f.state != State::Wrong);
    if flags.json {
        output::print_json(&serde_json::json!({
            "ok": healthy,
            "version": env!("CARGO_PKG_VERSION"),
            "home": app.home,
            "findings": findings,
        }))?;
    } else {
        output::print(&as_text(&findings))?;
    }
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One thing that was looked at.
#[derive(Serialize)]
struct Finding {
    /// For programs: `processor`, `model:NAME`.
    what: String,
    state: State,
    /// What was found.
    detail: String,
    /// What to do, where there is something to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    /// The same facts for programs.
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    facts: serde_json::Value,
}

#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Note,
    Wrong,
}

impl Finding {
    fn ok(what: impl Into<String>, detail: impl Into<String>) -> Finding {
        let facts = serde_json::Value::Null;
        Finding { what: what.into(), state: State::Ok, detail: detail.into(), advice: None, facts }
    }

    fn but(self, state: State, advice: impl Into<String>) -> Finding {
        Finding { state, advice: Some(advice.into()), ..self }
    }

    fn facts(self, facts: serde_json::Value) -> Finding {
        Finding { facts, ..self }
    }
}

fn processor(system: &sysinfo::System) -> Finding {
    let name = system.cpus().first().map_or("unknown", |c| c.brand()).trim().to_string();
    let available: Vec<&str> = Isa::available().into_iter().map(Isa::name).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let detail = format!("{name}, {threads} threads, kernels {}", Isa::best());
    let finding = Finding::ok("processor", detail).facts(serde_json::json!({
        "name": name, "threads": threads, "kernels": Isa::best().name(), "available": available,
    }));
    if Isa::best() == Isa::Portable {
        return finding.but(
            State::Note,
            "this processor has no vector instructions that hone knows: answers will be slow",
        );
    }
    finding
}

fn memory(system: &sysinfo::System) -> Finding {
    let (total, free) = (system.total_memory(), system.available_memory());
    Finding::ok("memory", format!("{} of {} are free", bytes(free), bytes(total)))
        .facts(serde_json::json!({"total_bytes": total, "available_bytes": free}))
}

fn disk(home: &Path) -> Finding {
    let free = match (PullOptions::default().free_space)(home) {
        Ok(free) => free,
        Err(error) => {
            return Finding::ok("disk", format!("{}: free space is not known: {error}", home.display()));
        }
    };
    let finding = Finding::ok("disk", format!("{} are free for {}", bytes(free), home.display()))
        .facts(serde_json::json!({"available_bytes": free}));
    let advice = "free some space, or set HONE_HOME to a folder on another disk";
    match free {
        ..FULL_DISK => finding.but(State::Wrong, advice),
        FULL_DISK..LITTLE_DISK => finding.but(State::Note, advice),
        _ => finding,
    }
}

fn chosen(app: &App, models: &[Installed]) -> Finding {
    let starter = format!("run `hone pull {}`", hub::catalog::STARTER);
    match &app.config.model {
        Some(name) if models.iter().any(|m| m.name == *name) => Finding::ok("chosen model", name),
        Some(name) => Finding::ok("chosen model", format!("{name} is not on this disk"))
            .but(State::Wrong, format!("run `hone pull {name}` or `hone use` with one that is")),
        None if models.is_empty() => {
            Finding::ok("chosen model", "there is no model").but(State::Wrong, starter)
        }
        None => Finding::ok("chosen model", "none").but(State::Wrong, "run `hone use NAME`"),
    }
}

/// Is the file there, as long as it was, and with `verify` the same bytes?
fn model(model: &Installed, verify: bool) -> Finding {
    let what = format!("model {}", model.name);
    let wrong = |why: String| {
        Finding::ok(what.clone(), why)
            .but(State::Wrong, format!("run `hone rm {0}` and `hone pull {0}`", model.name))
    };
    match std::fs::metadata(&model.path) {
        Err(error) => return wrong(format!("{}: {error}", model.path.display())),
        Ok(file) if file.len() != model.bytes => {
            return wrong(format!("{} bytes, not {} as pulled", file.len(), model.bytes));
        }
        Ok(_) => {}
    }
    if !verify {
        return Finding::ok(what, format!("{}, hash not read again (--verify does)", bytes(model.bytes)));
    }
    match hub::verify::file_digest(&model.path, |_| {}) {
        Ok((hash, _)) if hash.to_string() == model.sha256 => {
            Finding::ok(what, format!("{}, hash is right", bytes(model.bytes)))
        }
        Ok(_) => wrong("the file has changed since it was pulled".into()),
        Err(error) => wrong(error.to_string()),
    }
}

/// The starter model comes through pip.
fn python(models: &[Installed]) -> Finding {
    let pip = Command::new("python3").args(["-m", "pip", "--version"]).output();
    match pip {
        Ok(out) if out.status.success() => {
            Finding::ok("python", String::from_utf8_lossy(&out.stdout).trim().to_string())
        }
        _ if models.iter().any(|m| m.name == hub::catalog::STARTER) => {
            Finding::ok("python", "python3 with pip was not found (it was needed for the starter model only)")
        }
        _ => Finding::ok("python", "python3 with pip was not found")
            .but(State::Note, "the starter model comes through pip: install python3 and pip to pull it"),
    }
}

fn port(app: &App) -> Finding {
    let host = app.config.host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let port =
        std::env::var("HONE_PORT").ok().and_then(|p| p.parse().ok()).or(app.config.port).unwrap_or(4663);
    let free = TcpListener::bind((host, port));
    let facts = serde_json::json!({"host": host, "port": port, "free": free.is_ok()});
    match free {
        Ok(_) => Finding::ok("port", format!("{host}:{port} is free")),
        Err(error) => Finding::ok("port", format!("{host}:{port}: {error}"))
            .but(State::Note, "`hone serve` may be running already; otherwise give it another --port"),
    }
    .facts(facts)
}

/// The store; read as a whole with `--verify`.
fn kept(app: &App, verify: bool) -> Finding {
    let looked = app.store().and_then(|store| {
        let wrong = if verify { store.check()? } else { Vec::new() };
        Ok((store.chats().count()?, wrong))
    });
    match looked {
        Ok(((chats, messages), wrong)) if wrong.is_empty() => {
            let facts = serde_json::json!({ "conversations": chats, "messages": messages });
            Finding::ok("store", format!("{chats} conversations, {messages} messages")).facts(facts)
        }
        Ok((_, wrong)) => Finding::ok("store", wrong.join("; "))
            .but(State::Wrong, "take hone.db away and put a copy from the folder `backups` in its place"),
        Err(error) => Finding::ok("store", format!("{error:#}"))
            .but(State::Wrong, "nothing is saved as long as the store cannot be opened"),
    }
}

fn network() -> Finding {
    let offline = PullOptions::from_env().offline;
    let detail = if offline { "off: HONE_OFFLINE is set" } else { "on" };
    Finding::ok("network", detail).facts(serde_json::json!({"offline": offline}))
}

fn as_text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let mark = match finding.state {
            State::Ok => "ok   ",
            State::Note => "note ",
            State::Wrong => "WRONG",
        };
        text += &format!("{mark}  {:14}  {}\n", finding.what, finding.detail);
        if let Some(advice) = &finding.advice {
            text += &format!("       {:14}  → {advice}\n", "");
        }
    }
    text
}
