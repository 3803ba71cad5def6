//! What a cycle asks the model waits for what somebody else asks it.

use crate::make::model;
use engine::{Engine, EngineOptions, Event, Request, Sampling};
use learn::generate::{Wish, answers};
use learn::turn::Alone;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;

#[test]
fn answers_of_a_cycle_give_way_to_a_users() {
    let options = EngineOptions { threads: Some(1), context: Some(128), ..EngineOptions::default() };
    let engine = Engine::start(model(), options).unwrap();
    let mut gaps = engine.gaps();
    gaps.next(&|| false); // nothing is computed until all have asked
    std::thread::scope(|scope| {
        let (ended, ends) = mpsc::channel();
        let (engine, cycles) = (&engine, ended.clone());
        scope.spawn(move || {
            let wishes = [1, 2].map(|token| Wish { prompt: vec![token; 20], most: 2, seed: None });
            let said = answers(engine, None, &wishes, &mut Alone(&AtomicBool::new(false))).unwrap();
            assert_eq!(said.len(), 2);
            cycles.send("a cycle's").unwrap();
        });
        while engine.stats().requests_total < 2 {
            std::thread::yield_now();
        }
        let request = Request {
            prompt: vec![3; 20],
            max_tokens: Some(100),
            sampling: Sampling { temperature: 0.0, ..Sampling::default() },
            ignore_eos: true,
            ..Request::default()
        };
        let on_event = move |event| {
            if let Event::Done { .. } = event {
                ended.send("the user's").unwrap();
            }
        };
        engine.submit(request, on_event).unwrap().detach();
        gaps.leave();
        // There are places for four, and the user's is the longest by far.
        assert_eq!([ends.recv().unwrap(), ends.recv().unwrap()], ["the user's", "a cycle's"]);
    });
}
