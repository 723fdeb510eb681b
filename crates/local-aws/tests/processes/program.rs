//! The binary `coxswain-local` itself, and what is left when it is killed.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::bench::{gone, until};

/// A running `coxswain-local`, killed when dropped.
struct Program {
    child: Child,
    address: String,
}

impl Program {
    fn start(folder: &std::path::Path, script: &str) -> Self {
        let program = folder.join("program");
        std::fs::write(&program, script).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_coxswain-local"))
            .args(["--listen", "127.0.0.1:0", "--log", "warn"])
            .arg("--state")
            .arg(folder.join("state"))
            .arg("--image")
            .arg(format!("web=/bin/sh {}", program.display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let address = url.trim().strip_prefix("http://").expect("a URL on the first line").to_owned();
        Self { child, address }
    }

    fn ecs(&self, operation: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let body = body.to_string();
        write!(
            stream,
            "POST / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n\
             x-amz-target: AmazonEC2ContainerServiceV20141113.{operation}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{operation}: {answer}");
        serde_json::from_str(body).unwrap()
    }

    fn run_task(&self) {
        self.ecs("CreateCluster", &json!({"clusterName": "demo"}));
        let container = json!({"name": "web", "image": "web", "stopTimeout": 2});
        self.ecs(
            "RegisterTaskDefinition",
            &json!({"family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
                "cpu": "256", "memory": "512", "containerDefinitions": [container]}),
        );
        let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d"]}});
        let task = json!({"cluster": "demo", "taskDefinition": "web", "launchType": "FARGATE",
            "networkConfiguration": network});
        let failures = self.ecs("RunTask", &task)["failures"].clone();
        assert_eq!(failures, json!([]));
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tells the pids of itself, its parent (the shim), a child, and a daemon that left group and session;
/// none of them heeds a signal that can be heeded.
const HYDRA: &str = "trap '' TERM HUP INT
sh -c 'echo $$ > child; while :; do sleep 1; done' &
setsid sh -c 'echo $$ > daemon; while :; do sleep 1; done' &
echo $$ > own; echo $PPID > shim
while :; do sleep 1; done
";

#[tokio::test]
async fn when_the_program_is_killed_nothing_of_its_tasks_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(folder.path(), HYDRA);
    program.run_task();
    let tasks = folder.path().join("state/tasks");
    let mut pids = Vec::new();
    for name in ["own", "shim", "child", "daemon"] {
        let pid = until("the task tells its pids", || {
            let task = std::fs::read_dir(&tasks).ok()?.next()?.ok()?;
            let pid = std::fs::read_to_string(task.path().join("web").join(name)).ok()?;
            pid.ends_with('\n').then_some(pid)
        });
        pids.push(pid.await);
    }
    program.child.kill().unwrap();
    program.child.wait().unwrap();
    for pid in pids {
        gone(&pid).await;
    }
}
