//! Tasks: from nothing, again, after tampering, and with everything in the way.

use std::os::unix::fs::PermissionsExt;

use super::*;

async fn provision(host: &Host, recipe: Recipe, mode: Mode) -> Vec<Done> {
    let facts = Arc::new(Facts::read(host).await.expect("facts"));
    run(host, &recipe.tasks(&facts), mode).await
}

/// What concerns every host, whatever its system.
const OURS: [&str; 3] = ["binary", "settings", "credentials"];

#[tokio::test(flavor = "multi_thread")]
async fn from_nothing_then_nothing_to_do_then_tampering_is_changed_back() {
    let sshd = Sshd::start(None, &[]).await;
    let (host, _) = connect(way(&sshd, sshd.port)).await.expect("connected");
    let recipe = recipe(program(sshd.folder.path(), 200_000));
    let folder = sshd.home().join("hydrant");

    let checked = provision(&host, recipe.clone(), Mode::Check).await;
    assert!(OURS.iter().all(|task| state(&checked, task) == State::WouldChange), "{checked:?}");
    assert!(!folder.exists(), "a check changes nothing");

    let first = provision(&host, recipe.clone(), Mode::Apply).await;
    assert!(OURS.iter().all(|task| state(&first, task) == State::Changed), "{first:?}");
    assert!(first.iter().all(|done| done.state != State::Failed), "{first:?}");
    let content = |name: &str| std::fs::read(folder.join(name)).expect("there");
    assert_eq!(content("bin/hydrant"), std::fs::read(&recipe.binary).expect("there"));
    assert_eq!(content("hydrant.toml"), recipe.settings.toml.as_bytes());
    assert_eq!(content("terms_file.txt"), b"mars rover\n", "what the settings name is there");
    let mode = |name: &str| folder.join(name).metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(".env"), mode("bin/hydrant"), mode("")), (0o600, 0o755, 0o700));

    let again = provision(&host, recipe.clone(), Mode::Apply).await;
    assert!(again.iter().all(|done| done.state == State::Ok), "{again:?}");

    std::fs::write(folder.join("bin/hydrant"), "another").expect("written");
    std::fs::write(folder.join("hydrant.toml"), "bucket = \"theirs\"\n").expect("written");
    std::fs::write(folder.join("terms_file.txt"), "other words\n").expect("written");
    std::fs::set_permissions(folder.join(".env"), std::fs::Permissions::from_mode(0o644)).expect("set");
    let back = provision(&host, recipe.clone(), Mode::Apply).await;
    assert!(OURS.iter().all(|task| state(&back, task) == State::Changed), "{back:?}");
    assert!(text(&back, "settings").contains("replace ~/hydrant/terms_file.txt, which differs"), "{back:?}");
    assert_eq!(content("terms_file.txt"), b"mars rover\n");
    assert_eq!(
        (content("bin/hydrant"), mode(".env")),
        (std::fs::read(&recipe.binary).expect("there"), 0o600)
    );
    host.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_in_the_middle_of_the_upload_leaves_the_old_program_and_the_next_try_is_whole() {
    let sshd = Sshd::start(None, &[]).await;
    let wire = Wire::to(sshd.port).await;
    sshd.through(&wire);
    let (host, told) = connect(way(&sshd, wire.port)).await.expect("connected");
    let recipe = recipe(program(sshd.folder.path(), 4_000_000));
    wire.cut_after(1_000_000);
    let done = provision(&host, recipe.clone(), Mode::Apply).await;
    assert_eq!(state(&done, "binary"), State::Changed, "{done:?}");
    assert_eq!(wire.connections(), 2, "it was cut, and taken up again");
    assert!(told.lock().expect("nothing panics").iter().any(|told| told.text.contains("taking it up again")));
    let bin = sshd.home().join("hydrant/bin");
    assert_eq!(
        std::fs::read(bin.join("hydrant")).expect("there"),
        std::fs::read(&recipe.binary).expect("there")
    );
    let left = || -> Vec<_> {
        std::fs::read_dir(&bin).expect("there").map(|file| file.expect("one").file_name()).collect()
    };
    let alone = async {
        while left() != ["hydrant"] {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LIMIT, alone).await.expect("what was cut takes what it had away");
    host.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_link_takes_longer_and_nothing_else() {
    let sshd = Sshd::start(None, &[]).await;
    let wire = Wire::to(sshd.port).await;
    sshd.through(&wire);
    wire.delay(Duration::from_millis(40));
    let (host, _) = connect(way(&sshd, wire.port)).await.expect("connected");
    let done = provision(&host, recipe(program(sshd.folder.path(), 500_000)), Mode::Apply).await;
    assert!(OURS.iter().all(|task| state(&done, task) == State::Changed), "{done:?}");
    assert_eq!(wire.connections(), 1, "slow is not lost");
    host.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_sudo_what_needs_it_fails_with_the_reason_and_the_rest_is_done() {
    let sshd = Sshd::start(None, &[]).await;
    let (host, _) = connect(way(&sshd, sshd.port)).await.expect("connected");
    let mut recipe = recipe(program(sshd.folder.path(), 1_000));
    recipe.packages = vec!["a-package-that-nobody-has".to_owned()];
    recipe.python = vec!["another".to_owned()];
    let facts = Facts::read(&host).await.expect("facts");
    assert!(facts.confined, "a login with another home must not change this machine");
    let facts = Facts { packages: "apt-get".to_owned(), confined: false, root: false, sudo: false, ..facts };
    let done = run(&host, &recipe.tasks(&Arc::new(facts)), Mode::Apply).await;
    assert_eq!(state(&done, "packages"), State::Failed, "{done:?}");
    assert!(text(&done, "packages").contains("needs root, and sudo asks for a password"), "{done:?}");
    assert_eq!(state(&done, "python"), State::Skipped);
    assert_eq!(text(&done, "python"), "it needs packages, which failed");
    assert!(OURS.iter().all(|task| state(&done, task) == State::Changed), "{done:?}");
    host.close().await;
}

/// A folder with little room, as long as it lives; `None` where file systems cannot be mounted.
struct Small(tempfile::TempDir);

impl Small {
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder.path());
        mount.status().is_ok_and(|status| status.success()).then(|| Self(folder))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        drop(std::process::Command::new("umount").arg(self.0.path()).status());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_before_anything_is_sent_and_when_it_fills_up_nothing_is_half() {
    let Some(small) = Small::mount("2m") else {
        eprintln!("skipped: file systems cannot be mounted here");
        return;
    };
    let home = small.0.path().join("home");
    let sshd = Sshd::start(Some(&home), &[]).await;
    let (host, _) = connect(way(&sshd, sshd.port)).await.expect("connected");
    let recipe = recipe(program(sshd.folder.path(), 4_000_000));
    let done = provision(&host, recipe.clone(), Mode::Apply).await;
    assert_eq!(state(&done, "system"), State::Failed);
    assert!(text(&done, "system").contains("MB free, and"), "{done:?}");
    assert!(
        done.iter().filter(|done| done.task != "system").all(|done| done.state == State::Skipped),
        "{done:?}"
    );
    assert!(!home.join("hydrant").exists());

    // As if it had had room when it was looked at.
    let facts = Facts { disk_free: u64::MAX, ..Facts::read(&host).await.expect("facts") };
    let done = run(&host, &recipe.tasks(&Arc::new(facts)), Mode::Apply).await;
    assert_eq!(state(&done, "binary"), State::Failed);
    assert!(text(&done, "binary").contains("No space left"), "{done:?}");
    let left = std::fs::read_dir(home.join("hydrant/bin")).expect("there").count();
    assert_eq!(left, 0, "the half of a program is not left there");
    host.close().await;
    drop(sshd);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_does_not_run_there_never_takes_the_old_ones_place() {
    let sshd = Sshd::start(None, &[]).await;
    let (host, _) = connect(way(&sshd, sshd.port)).await.expect("connected");
    let good = recipe(program(sshd.folder.path(), 1_000));
    provision(&host, good.clone(), Mode::Apply).await;
    let wrong = sshd.path("wrong");
    std::fs::write(&wrong, "#!/bin/sh\necho cannot execute: wrong architecture >&2\nexit 126\n")
        .expect("written");
    let done = provision(&host, recipe(wrong), Mode::Apply).await;
    assert_eq!(state(&done, "binary"), State::Failed);
    assert!(text(&done, "binary").contains("give one that does with --host-binary"), "{done:?}");
    let there = std::fs::read(sshd.home().join("hydrant/bin/hydrant")).expect("there");
    assert_eq!(there, std::fs::read(&good.binary).expect("there"));
    host.close().await;
}

/// Everything that a process shows of itself to others.
fn shown_by_processes() -> String {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    processes
        .filter(|entry| entry.file_name().to_string_lossy().chars().all(|c| c.is_ascii_digit()))
        .filter(|entry| entry.file_name().to_string_lossy() != std::process::id().to_string())
        .flat_map(|entry| ["cmdline", "environ"].map(|name| entry.path().join(name)))
        .filter_map(|path| std::fs::read(path).ok())
        .map(|content| String::from_utf8_lossy(&content).into_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_in_one_file_of_the_host_and_nowhere_else() {
    let secret = "s3cr3t-of-x-that-must-not-be-seen";
    let sshd = Sshd::start(None, &[]).await;
    let home = tempfile::tempdir().expect("a home");
    std::fs::write(home.path().join(".env"), format!("TWITTER_API_KEY=k\nTWITTER_API_KEY_SECRET={secret}\n"))
        .expect("written");
    let binary = program(sshd.folder.path(), 3_000_000);
    let binary = binary.to_str().expect("text");
    let wire = Wire::to(sshd.port).await;
    sshd.through(&wire);
    wire.delay(Duration::from_millis(20));
    let arguments = ["host", "provision", "--json", "-vv", "--host-binary", binary];
    let provisioning = hydrant(home.path(), &sshd, wire.port, &arguments);
    let ended = std::sync::atomic::AtomicBool::new(false);
    let looks = std::sync::atomic::AtomicUsize::new(0);
    let order = std::sync::atomic::Ordering::Relaxed;
    let watching = async {
        while !ended.load(order) {
            let shown = tokio::task::spawn_blocking(shown_by_processes).await.expect("looked");
            assert!(!shown.contains(secret), "a process shows it");
            looks.fetch_add(1, order);
        }
    };
    let provisioning = async {
        let ran = provisioning.await;
        ended.store(true, order);
        ran
    };
    let (ran, ()) = tokio::join!(provisioning, watching);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(looks.load(order) > 3);
    assert!(!ran.out.contains(secret) && !ran.err.contains(secret));
    let search = |folder: &Path| {
        let found =
            std::process::Command::new("grep").args(["-rl", secret]).arg(folder).output().expect("grep");
        String::from_utf8_lossy(&found.stdout).lines().map(str::to_owned).collect::<Vec<String>>()
    };
    assert_eq!(search(sshd.folder.path()), [sshd.home().join("hydrant/.env").display().to_string()]);
    assert_eq!(search(home.path()), [home.path().join(".env").display().to_string()]);
}
