//! What the Host pane promises, and its pictures.

use super::given::{Given, trouble};
use super::pictures::take;
use crate::console::effect::host::{Job, Look, Outcome, Service, Slot};
use crate::console::effect::{Effect, Job as AnyJob, Program, Remedy};
use crate::console::event::Event;
use crate::host::facts::Facts;
use crate::host::task::{Done, State};
use crate::progress::{Phase, Report};
use crate::stack::status::StackState;

fn facts() -> Facts {
    Facts {
        architecture: "x86_64".to_owned(),
        distribution: "Amazon Linux 2023.6.20261103".to_owned(),
        libc: "glibc 2.34".to_owned(),
        kernel: "6.1.156".to_owned(),
        processors: 2,
        memory: 982_000_000,
        memory_free: 512_000_000,
        disk: 8_500_000_000,
        disk_free: 6_200_000_000,
        load: 7,
        up_s: 11_520,
        clock_ahead_s: 0,
        home: "/home/ec2-user".to_owned(),
        root: false,
        sudo: true,
        systemd: true,
        confined: false,
        packages: "dnf".to_owned(),
        pip: false,
    }
}

fn looked(service: Option<Service>) -> Outcome {
    let journal = vec![
        "2026-11-20T14:00:00Z  INFO hydrant::stream: started: x → firehose".to_owned(),
        "2026-11-20T14:01:30Z  WARN hydrant::stream: X closed the stream; again in 1.2 s".to_owned(),
    ];
    Outcome::Looked(Box::new(Look {
        address: "ec2-user@203.0.113.7:22".to_owned(),
        instance: Some("i-0123456789abcdef0".to_owned()),
        facts: facts(),
        journal: if service.is_some() { journal } else { Vec::new() },
        service,
    }))
}

fn running() -> Service {
    Service {
        state: "running".to_owned(),
        received: 37_020,
        delivered: 36_900,
        pending: 120,
        last_error: None,
    }
}

fn done(states: [State; 8]) -> Vec<Done> {
    let tasks = [
        ("system", "Amazon Linux 2023, x86_64, glibc 2.34, 2 CPU, 0.9 GB memory, 6.2 GB free"),
        ("packages", "none are wanted (`host_packages`)"),
        ("python", "none are wanted (`host_python_packages`)"),
        ("binary", "put ~/hydrant/bin/hydrant there (97 MB, sent compressed)"),
        ("settings", "write ~/hydrant/hydrant.toml"),
        ("credentials", "write X's keys to ~/hydrant/.env for its owner only"),
        ("service", "install hydrant-stream.service and enable it"),
        ("logs", "write /etc/logrotate.d/hydrant"),
    ];
    tasks
        .into_iter()
        .zip(states)
        .map(|((task, text), state)| Done {
            task,
            state,
            text: text.to_owned(),
            output: if task == "settings" { "region = \"us-east-2\"".to_owned() } else { String::new() },
            seconds: 0.2,
        })
        .collect()
}

fn needed() -> Vec<Done> {
    use State::{Ok, WouldChange};
    done([Ok, Ok, Ok, WouldChange, WouldChange, WouldChange, WouldChange, WouldChange])
}

fn ended() -> Vec<Done> {
    use State::{Changed, Failed, Ok, Skipped};
    let mut done = done([Ok, Ok, Ok, Failed, Changed, Changed, Skipped, Changed]);
    done[3].text =
        "sending the program failed on the host (exit 1): gzip: stdout: No space left on device".to_owned();
    done[6].text = "it needs binary, which failed".to_owned();
    done
}

fn host(service: Option<Service>) -> impl Fn(u16, u16) -> Given {
    move |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Ready);
        given.press("7");
        given.came(Slot::Look, looked(service.clone()));
        given
    }
}

fn starts(effects: &[Effect], is: impl Fn(&Job) -> bool) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Start(AnyJob::Host(job)) if is(job)))
}

#[test]
fn pictures() {
    take("host_connecting", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Ready);
        given.press("7");
        given
    });
    take("host_none", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Absent);
        given.press("7");
        let why = "the stack has no instance: `hydrant up` makes it, or `host_address` names another host";
        given.came(Slot::Look, Outcome::NoHost(why.to_owned()));
        given
    });
    take("host_new", host(None));
    take("host_running", host(Some(running())));
    take("host_does_not_answer", |width, height| {
        let mut given = host(Some(running()))(width, height);
        given.press("r");
        given.failed(Slot::Look, trouble(Remedy::Retry));
        given
    });
    take("host_question", |width, height| {
        let mut given = host(None)(width, height);
        given.press("p");
        given.came(Slot::Provision, Outcome::Checked(needed()));
        given
    });
    take("host_provisioning", |width, height| {
        let mut given = host(None)(width, height);
        given.press("p");
        given.came(Slot::Provision, Outcome::Checked(needed()));
        given.press("enter");
        for (name, phase, text) in [
            ("cloud-init", Phase::Done, "the first boot has ended"),
            ("system", Phase::Done, "ok: Amazon Linux 2023"),
            ("binary", Phase::Acting, "put ~/hydrant/bin/hydrant there (97 MB, sent compressed)"),
            ("settings", Phase::Failed, "failed: no space left"),
        ] {
            let report = Report { kind: "task", name: name.to_owned(), phase, text: text.to_owned() };
            given.happen(Event::Told(Slot::Provision.into(), report));
        }
        given
    });
    take("host_provisioned", |width, height| {
        let mut given = host(Some(running()))(width, height);
        given.press("p");
        given.came(Slot::Provision, Outcome::Provisioned(ended()));
        given.press("j j j");
        given
    });
}

#[test]
fn a_look_that_was_cancelled_says_nothing_of_the_host() {
    let mut given = host(Some(running()))(120, 36);
    given.press("r");
    given.failed(Slot::Look, trouble(Remedy::Cancelled));
    assert!(given.shows("reachable") && !given.shows("does not answer"));
    given.press("r");
    given.failed(Slot::Look, trouble(Remedy::Retry));
    given.press("r");
    given.failed(Slot::Look, trouble(Remedy::Cancelled));
    assert!(given.shows("does not answer"), "it is as it was");
}

#[test]
fn provisioning_shows_what_it_would_do_and_asks_first() {
    let mut given = host(None)(120, 36);
    assert!(starts(&given.press("p"), |job| matches!(job, Job::Provision { check: true })));
    given.came(Slot::Provision, Outcome::Checked(needed()));
    assert!(given.shows("make it so"));
    let effects = given.press("esc");
    assert!(effects.is_empty(), "{effects:?}");
    given.press("p");
    given.came(Slot::Provision, Outcome::Checked(needed()));
    assert!(starts(&given.press("enter"), |job| matches!(job, Job::Provision { check: false })));
    let effects = given.came(Slot::Provision, Outcome::Provisioned(ended()));
    assert!(starts(&effects, |job| matches!(job, Job::Look)), "it is looked at again");
    assert_eq!(given.app.desk.problems.len(), 1, "what failed stays until it is read");
    given.press("g j j j j enter");
    assert!(given.shows("region = \"us-east-2\""), "the output of a task is there to be read");
}

#[test]
fn a_host_as_it_should_be_is_said_to_be_and_nothing_is_asked() {
    let mut given = host(Some(running()))(120, 36);
    given.press("p");
    given.came(Slot::Provision, Outcome::Checked(done([State::Ok; 8])));
    assert!(given.shows("nothing to change") && !given.shows("make it so"));
}

#[test]
fn a_shell_takes_the_terminal_over() {
    let mut given = host(Some(running()))(120, 36);
    assert!(starts(&given.press("!"), |job| matches!(job, Job::Shell)));
    let program =
        Program { name: "ssh".to_owned(), arguments: vec!["host".to_owned()], said: "exit".to_owned() };
    let effects = given.came(Slot::Shell, Outcome::Shell(program.clone()));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::StepAside(other) if *other == program)));
}

#[test]
fn posts_that_wait_on_a_host_where_nothing_sends_them_need_attention() {
    let stopped = Service { state: "stopped".to_owned(), pending: 120, ..Service::default() };
    let mut given = host(Some(stopped))(120, 36);
    given.press("1");
    assert!(given.shows("120 posts wait on the host"));
}

#[test]
fn read_only_looks_and_changes_nothing() {
    let mut given = Given::with(120, 36, None, true);
    given.signed_in();
    given.press("7");
    given.came(Slot::Look, looked(Some(running())));
    assert!(given.press("p").is_empty());
    assert!(given.press("!").is_empty());
    assert!(given.shows("read-only"));
}
