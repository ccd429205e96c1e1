//! A folder of files, in which tests run the command.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// A temporary folder.
pub(crate) struct Folder(TempDir);

/// The exit code and the output of a command.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Folder {
    /// Creates a folder with these files.
    pub(crate) fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = Self(TempDir::new().unwrap());
        for (name, content) in files {
            let path = folder.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    /// Returns the path of `name` in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `palisade` in the folder, with `arguments` split at spaces.
    pub(crate) fn run(&self, arguments: &str) -> Ran {
        self.run_with(&arguments.split(' ').collect::<Vec<_>>(), b"")
    }

    /// Runs `palisade` in the folder, with `input` on standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ran {
        self.start(Command::new(env!("CARGO_BIN_EXE_palisade")).args(arguments), input)
    }

    /// Runs `palisade` with `input` on standard input, and with styles as on a terminal.
    pub(crate) fn run_on_terminal(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
        self.start(command.args(arguments).env_remove("NO_COLOR").env("CLICOLOR_FORCE", "1"), input)
    }

    fn start(&self, command: &mut Command, input: &[u8]) -> Ran {
        let mut child = command
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads no input can already have closed the pipe.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    /// Asserts the exit code, and that standard error contains each of `parts`.
    pub(crate) fn assert_error(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        for part in parts {
            assert!(self.err.contains(part), "no `{part}` in:\n{}", self.err);
        }
        assert!(!self.err.contains("panicked"), "{}", self.err);
    }

    /// Asserts the exit code, and that standard output contains each of `parts`.
    pub(crate) fn assert_output(&self, code: i32, parts: &[&str]) {
        self.assert_error(code, &[]);
        for part in parts {
            assert!(self.out.contains(part), "no `{part}` in:\n{}", self.out);
        }
    }
}
