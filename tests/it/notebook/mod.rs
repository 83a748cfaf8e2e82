//! The notebook's stack in the sandbox, whose SageMaker behaves as AWS's: every state, every failure, and cut off
//! anywhere. moto keeps neither a notebook's platform nor its configuration's tags, so only what it answers as AWS does
//! is asked of it.

mod life;
mod scripts;
mod trouble;

use crate::support::proxy::Proxy;
use crate::support::run::{Ran, Running, run};
use crate::support::sandbox::Sandbox;

/// A sandbox with a lake in it, behind a proxy that watches and may interfere.
pub struct Behind {
    pub sandbox: Sandbox,
    pub proxy: Proxy,
}

impl Behind {
    pub async fn new() -> Self {
        let sandbox = Sandbox::new(&[]).await;
        sandbox.hydrant(&["up", "--set", "instance=false"]).await.expect(0);
        let proxy = Proxy::start(sandbox.serving.port(), "123456789012".to_owned()).await;
        Self { sandbox, proxy }
    }

    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.sandbox.command(arguments);
        command.env("AWS_ENDPOINT_URL", self.proxy.endpoint());
        Running::of(command.spawn().expect("the binary starts"))
    }

    pub async fn hydrant(&self, arguments: &[&str]) -> Ran {
        let mut command = self.sandbox.command(arguments);
        command.env("AWS_ENDPOINT_URL", self.proxy.endpoint());
        run(command).await
    }

    /// What the witness sees of the notebook's stack.
    pub async fn notebook(&self) -> Vec<String> {
        let aws = self.sandbox.aws();
        let mut all = aws.notebooks().await;
        let mine = ["hydrant-notebook-role", "mysgname", "/aws/sagemaker/"];
        let others = aws.everything().await;
        all.extend(others.into_iter().filter(|thing| mine.iter().any(|name| thing.contains(name))));
        let keys = aws.s3.list_objects_v2().bucket("hydrant-123456789012-us-east-1").send().await;
        let keys = keys.expect("a listing");
        all.extend(keys.contents().iter().filter_map(|object| Some(format!("object {}", object.key()?))));
        all.sort();
        all
    }
}

/// What the witness sees of a whole one, its logs left out.
pub fn whole() -> Vec<String> {
    [
        "notebook config mynbconfig",
        "notebook mydemo",
        "object datasets/twitter/kinesis-demo/notebooks/hydrant.ipynb",
        "role hydrant-notebook-role",
        "security group mysgname",
    ]
    .map(str::to_owned)
    .into()
}

pub fn without_logs(things: Vec<String>) -> Vec<String> {
    things.into_iter().filter(|thing| !thing.contains("/aws/sagemaker/")).collect()
}
