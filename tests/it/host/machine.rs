//! A host whose system is hydrant's to change: packages, Python's packages, the rotation of logs, the unit.

use hydrant::host::output::Order;
use hydrant::host::service;

use super::*;
use crate::support::machine::Machine;

/// What a program says to arguments, in a folder.
fn done(folder: &Path, program: &str, arguments: &[&str]) -> Vec<u8> {
    let ran = std::process::Command::new(program).args(arguments).current_dir(folder).output();
    let ran = ran.unwrap_or_else(|why| panic!("{program}: {why}"));
    assert!(ran.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    ran.stdout
}

/// A repository for apt with these packages in it, each of what is in the folder of its name. They are as real as can
/// be; only the way to them is a folder's.
fn repository(folder: &Path, packages: &[&str]) -> Vec<(String, Vec<u8>)> {
    let mut index = String::new();
    let mut files = Vec::new();
    for name in packages {
        let about = format!(
            "Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: Nobody <nobody@example.com>\nDescription: a trial\n"
        );
        std::fs::create_dir_all(folder.join(name).join("DEBIAN")).expect("made");
        std::fs::write(folder.join(name).join("DEBIAN/control"), &about).expect("written");
        let file = format!("{name}.deb");
        done(folder, "dpkg-deb", &["--root-owner-group", "-Zgzip", "--build", name, &file]);
        let sum = String::from_utf8(done(folder, "sha256sum", &[&file])).expect("text");
        let sum = sum.split(' ').next().expect("a checksum");
        let content = std::fs::read(folder.join(&file)).expect("there");
        index += &format!("{about}Filename: ./{file}\nSize: {}\nSHA256: {sum}\n\n", content.len());
        files.push((format!("/srv/trial/{file}"), content));
    }
    files.push(("/srv/trial/Packages".to_owned(), index.into_bytes()));
    // Nothing is asked for over the network.
    files.push(("/etc/apt/trial.list".to_owned(), b"deb [trusted=yes] file:/srv/trial ./\n".to_vec()));
    let only = b"Dir::Etc::SourceList \"/etc/apt/trial.list\";\nDir::Etc::SourceParts \"/dev/null\";\n";
    files.push(("/etc/apt/apt.conf.d/99trial".to_owned(), only.to_vec()));
    files
}

/// A package of Python's, and where pip finds it.
fn wheel(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let about = "hydrant_trial-1.dist-info";
    std::fs::create_dir_all(folder.join(about)).expect("made");
    let write = |name: &str, content: &str| std::fs::write(folder.join(name), content).expect("written");
    write("hydrant_trial.py", "print('imported')\n");
    write(&format!("{about}/METADATA"), "Metadata-Version: 2.1\nName: hydrant_trial\nVersion: 1\n");
    write(&format!("{about}/WHEEL"), "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n");
    let all = ["METADATA", "WHEEL", "RECORD"].map(|name| format!("{about}/{name},,\n"));
    write(&format!("{about}/RECORD"), &format!("hydrant_trial.py,,\n{}", all.concat()));
    let name = "hydrant_trial-1-py3-none-any.whl";
    done(folder, "python3", &["-m", "zipfile", "-c", name, "hydrant_trial.py", about]);
    vec![
        (format!("/srv/trial/{name}"), std::fs::read(folder.join(name)).expect("there")),
        ("/etc/pip.conf".to_owned(), b"[global]\nno-index = true\nfind-links = /srv/trial\n".to_vec()),
    ]
}

/// Debian's Python comes without pip: the one that its `venv` brings, as a package of the system's.
fn pip(folder: &Path) {
    let wheels = std::fs::read_dir("/usr/share/python-wheels").expect("`apt-get install python3-venv`");
    let mut wheels = wheels.map(|file| file.expect("one").path());
    let is_pip =
        |file: &PathBuf| file.file_name().is_some_and(|name| name.display().to_string().starts_with("pip-"));
    let wheel = wheels.find(is_pip).expect("`apt-get install python3-venv`");
    let to = folder.join("python3-pip/usr/lib/python3/dist-packages");
    std::fs::create_dir_all(&to).expect("made");
    done(&to, "python3", &["-m", "zipfile", "-e", wheel.to_str().expect("text"), "."]);
}

const ALL: [&str; 7] = ["packages", "python", "binary", "settings", "credentials", "service", "logs"];

#[tokio::test(flavor = "multi_thread")]
async fn packages_the_unit_and_the_rotation_are_put_right_where_the_system_is_ours() {
    if !Path::new("/usr/bin/dpkg-deb").is_file() {
        eprintln!("skipped: this system's packages are not Debian's");
        return;
    }
    let made = tempfile::tempdir().expect("a temporary folder");
    let program_there = made.path().join("hydrant-trial/usr/bin");
    std::fs::create_dir_all(&program_there).expect("made");
    std::fs::write(program_there.join("hydrant-trial"), "#!/bin/sh\necho installed\n").expect("written");
    done(&program_there, "chmod", &["755", "hydrant-trial"]);
    pip(made.path());
    let mut files = repository(made.path(), &["hydrant-trial", "python3-pip"]);
    files.extend(wheel(made.path()));
    files.push(("/etc/logrotate.d/trial".to_owned(), Vec::new()));
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(path, content)| (path.as_str(), content.as_slice())).collect();
    let Some(machine) = Machine::boot(&files, &[]).await else { return };
    let sshd = &machine.sshd;
    let (host, _) = connect(way(sshd, sshd.port)).await.expect("connected");
    let facts = Facts::read(&host).await.expect("facts");
    assert!(facts.systemd && facts.root && !facts.confined, "{facts:?}");
    let mut recipe = recipe(program(sshd.folder.path(), 1_000));
    recipe.packages = vec!["hydrant-trial".to_owned(), "python3-pip".to_owned()];
    recipe.python = vec!["hydrant_trial>=1".to_owned()];
    let provision = async |mode| {
        let (_, done) = recipe.clone().make(&host, mode).await.expect("it is tried");
        done
    };
    let all_are = |done: &[Done], wanted: State| {
        assert!(ALL.iter().all(|task| state(done, task) == wanted), "{wanted:?}: {done:?}");
    };
    all_are(&provision(Mode::Check).await, State::WouldChange);
    all_are(&provision(Mode::Apply).await, State::Changed);
    all_are(&provision(Mode::Apply).await, State::Ok);

    let said = async |script: &str| {
        let output = host.run(&Order::new("trying it", script.to_owned())).await.expect("it runs");
        output.good("trying it").expect("it is good").trim().to_owned()
    };
    assert_eq!(said("hydrant-trial && python3 -c 'import hydrant_trial'").await, "installed\nimported");
    assert_eq!(said("systemctl is-enabled hydrant-stream.service").await, "enabled");
    said("systemctl start hydrant-stream.service").await;
    let journal = service::journal(&host).await.expect("a journal");
    assert!(journal.contains(&"hydrant 0.1.0".to_owned()), "what the service says: {journal:?}");
    let rotated =
        said("command -v logrotate >/dev/null || exit 0; logrotate --debug /etc/logrotate.d/hydrant 2>&1");
    let rotated = rotated.await;
    assert!(!rotated.contains("error"), "{rotated}");

    said(
        "apt-get -q -y remove hydrant-trial >/dev/null 2>&1
         rm -r \"$HOME\"/.local/lib/python3*/site-packages/hydrant_trial*
         systemctl -q disable hydrant-stream.service 2>/dev/null
         echo '# theirs' >> /etc/logrotate.d/hydrant
         echo theirs > hydrant/bin/hydrant
         echo theirs > hydrant/hydrant.toml
         chmod 644 hydrant/.env",
    )
    .await;
    all_are(&provision(Mode::Apply).await, State::Changed);
    all_are(&provision(Mode::Check).await, State::Ok);
    said("echo 'Nice=19' >> /etc/systemd/system/hydrant-stream.service").await;
    assert_eq!(state(&provision(Mode::Apply).await, "service"), State::Changed);
    host.close().await;
}
