//! The accounts in which a day takes place.

use std::path::Path;

use crate::support::World;
use crate::support::aws::Aws;
use crate::support::machine::Machine;
use crate::support::run::{EndsStream, Ran, SECRET, run};
use crate::support::sandbox::Sandbox;
use crate::support::sshd::{Sshd, Wire};
use crate::support::terminal::Terminal;

pub enum Account {
    /// The sandbox: its instance is a host that answers.
    Sandbox(Sandbox),
    /// moto, whose instances are entries in a table and answer nothing: the settings say that the host is a real sshd on
    /// the loopback, behind a wire that can be cut, which knows the account's keys and endpoint as an instance knows
    /// those of its role.
    Moto { _ends: EndsStream, world: World, sshd: Sshd, wire: Wire },
    /// moto, with a host that systemd runs and that can be made ready whole.
    Machine { machine: Machine, world: World },
}

impl Account {
    pub async fn sandbox() -> Self {
        Self::Sandbox(Sandbox::new(&[]).await)
    }

    pub async fn moto() -> Self {
        let world = World::new().await;
        let variables = of_world(&world);
        let sshd = Sshd::start(None, &borrowed(&variables)).await;
        let wire = Wire::to(sshd.port).await;
        sshd.through(&wire);
        Self::Moto { _ends: EndsStream(sshd.home()), world, sshd, wire }
    }

    /// `None` where no machine can be had. It has these files.
    pub async fn moto_and_a_machine(files: &[(&str, &[u8])]) -> Option<Self> {
        let world = World::new().await;
        let variables = of_world(&world);
        // An instance knows the keys of its role by itself; here the unit is told.
        let told: Vec<String> =
            variables.iter().map(|(name, value)| format!("Environment=\"{name}={value}\"\n")).collect();
        let told = format!("[Service]\n{}", told.concat());
        let told = ("/etc/systemd/system/hydrant-stream.service.d/trial.conf", told.as_bytes());
        let machine = Machine::boot(&[files, &[told]].concat(), &borrowed(&variables)).await?;
        Some(Self::Machine { machine, world })
    }

    pub fn home(&self) -> &Path {
        match self {
            Self::Sandbox(sandbox) => sandbox.home.path(),
            Self::Moto { world, .. } | Self::Machine { world, .. } => world.home.path(),
        }
    }

    pub fn aws(&self) -> Aws {
        match self {
            Self::Sandbox(sandbox) => sandbox.aws(),
            Self::Moto { world, .. } | Self::Machine { world, .. } => world.aws(),
        }
    }

    /// What an operator's environment holds here.
    fn variables(&self) -> Vec<(String, String)> {
        match self {
            Self::Sandbox(sandbox) => {
                let variables = sandbox.serving.line["env"].as_object().expect("an object of variables");
                let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
                variables.iter().map(|(name, value)| (name.clone(), text(value))).collect()
            }
            Self::Moto { world, sshd, wire, .. } => with_host(world, sshd, wire.port),
            Self::Machine { machine, world } => with_host(world, &machine.sshd, machine.sshd.port),
        }
    }

    pub async fn hydrant(&self, arguments: &[&str]) -> Ran {
        let mut command = crate::support::run::command(self.home());
        command.args(arguments).envs(self.variables());
        run(command).await
    }

    pub fn console(&self) -> Terminal {
        Terminal::run(self.home(), (140, 44), &[], &borrowed(&self.variables()))
    }
}

/// What leads to moto, for an operator and for a host.
fn of_world(world: &World) -> Vec<(String, String)> {
    [
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_REGION", &world.region),
        ("AWS_ENDPOINT_URL", &world.proxy.endpoint()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// What leads an operator to moto and to the host.
fn with_host(world: &World, sshd: &Sshd, port: u16) -> Vec<(String, String)> {
    let settings = sshd.settings(port).into_iter();
    let settings = settings.map(|(key, value)| (format!("HYDRANT_{}", key.to_uppercase()), value));
    of_world(world).into_iter().chain(settings).collect()
}

fn borrowed(variables: &[(String, String)]) -> Vec<(&str, &str)> {
    variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
