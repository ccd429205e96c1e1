//! Whole meshes: random manifests and case files, decided in this process and by Envoys with real certificates, signed
//! tokens, providers, HTTP/2 and TCP. Some of the Envoys also run the shipped filter module.

use crate::{
    backend::InEnvoy,
    case::CaseFile,
    policy::{self, Subjects},
    report::{Plan, Report},
    sample::Sample,
    shrink::{smaller, smaller_policies},
};
use anyhow::{Context, Result};
use palisade::Verdict;
use palisade_cases::{Answer, Backend, CaseResult, InProcess, run};
use palisade_test_support::Random;
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

/// Meshes that are compared for each Envoy with a waypoint.
const MESHES: usize = 4;

/// Cases of each mesh.
const CASES: usize = 100;

/// Smaller meshes tried for one disagreement.
const TRIES: usize = 150;

/// The port of `foo/app` that all cases connect to.
const PORT: u16 = 8000;

/// A mesh and the cases for it.
#[derive(Clone, Debug)]
struct Scene {
    objects: Vec<Value>,
    cases: Vec<Value>,
}

/// Compares [`MESHES`] random meshes and adds the results to `report`.
pub(crate) fn compare(plan: &Plan, random: &mut Random, report: &mut Report) -> Result<()> {
    let scenes: Vec<Scene> = (0..MESHES).map(|_| scene(random)).collect();
    // Only one mesh runs the module, because its start takes longer than a hundred requests.
    let with_filter = InEnvoy::new(plan.module.clone());
    let without = InEnvoy::new(None);
    let (first, others) = scenes.split_at(1);
    for (scenes, backend) in [(first, &with_filter), (others, &without)] {
        let ours = answers(scenes, &InProcess)?;
        let theirs = answers(scenes, backend)?;
        for ((scene, ours), theirs) in scenes.iter().zip(ours).zip(theirs) {
            for ((case, ours), theirs) in scene.cases.iter().zip(ours).zip(theirs) {
                let Some(differ) = differ(&ours, &theirs) else {
                    report.meshes.skipped += 1;
                    continue;
                };
                report.count(case);
                if differ {
                    report.disagreements += 1;
                    if report.shrunk.len() < plan.shrink {
                        let scene = Scene { objects: scene.objects.clone(), cases: vec![case.clone()] };
                        report.shrunk.push(smallest(scene, backend)?);
                    }
                }
            }
        }
    }
    report.meshes.by_filter += with_filter.by_both() as u64;
    Ok(())
}

impl Report {
    fn count(&mut self, case: &Value) {
        self.pairs += 1;
        self.meshes.pairs += 1;
        self.meshes.tcp += u64::from(case.get("http").is_none());
        self.meshes.mtls += u64::from(case["from"].get("mtls").is_none());
        self.meshes.tokens += u64::from(case.get("jwt").is_some());
    }
}

/// The answer of a back end to a case, or the reason why there is none.
type CaseResponse = Result<Answer, String>;

/// Whether the two responses differ, or `None` if there is nothing to compare.
fn differ(ours: &CaseResponse, theirs: &CaseResponse) -> Option<bool> {
    match (ours, theirs) {
        (_, Err(reason)) if reason.starts_with(SKIPPED) => None,
        (Ok(ours), Ok(theirs)) => {
            let status = ours.status.zip(theirs.status).is_none_or(|(ours, theirs)| ours == theirs);
            // An answer to HEAD has no body that shows whether a token or a policy denied it.
            let refused = [ours.status, theirs.status] == [Some(403); 2];
            Some(!refused && (ours.verdict != theirs.verdict || !status))
        }
        _ => Some(true),
    }
}

const SKIPPED: &str = "skipped: ";

/// Runs every case of `scenes` through its files, as `palisade test` would.
fn answers(scenes: &[Scene], backend: &dyn Backend) -> Result<Vec<Vec<CaseResponse>>> {
    let folder = tempfile::tempdir()?;
    let mut files = Vec::new();
    for (number, scene) in scenes.iter().enumerate() {
        let folder = folder.path().join(number.to_string());
        fs::create_dir(&folder)?;
        let text = CaseFile::new(&scene.objects, &scene.cases);
        fs::write(folder.join("manifests.yaml"), text.manifests)?;
        let file: PathBuf = folder.join("found.cases.yaml");
        fs::write(&file, text.cases)?;
        files.push(file);
    }
    let report = run(&files, backend, &|_| {});
    let said = |result: CaseResult| match result {
        CaseResult::Flow(answer, _) => Ok(answer),
        CaseResult::Skipped(reason) => Err(format!("{SKIPPED}{reason}")),
        CaseResult::Invalid(finding) => Err(finding.to_string()),
        CaseResult::Failed(reason) => Err(reason),
        CaseResult::Load(..) => Err("no flow".to_owned()),
    };
    let each = report.files.into_iter().zip(scenes).map(|(file, scene)| {
        let findings: Vec<String> = file.errors.iter().map(ToString::to_string).collect();
        let mut all: Vec<CaseResponse> = file.cases.into_iter().map(|case| said(case.result)).collect();
        all.resize_with(scene.cases.len(), || Err(findings.join("; ")));
        all
    });
    Ok(each.collect())
}

/// Returns the smallest mesh and case whose responses differ, as a case file with Envoy's answer.
fn smallest(mut scene: Scene, backend: &dyn Backend) -> Result<String> {
    let said = |scene: &Scene| -> Result<(CaseResponse, CaseResponse)> {
        let one = |backend| -> Result<CaseResponse> {
            answers(std::slice::from_ref(scene), backend)?
                .pop()
                .and_then(|mut all| all.pop())
                .context("an answer")
        };
        Ok((one(&InProcess)?, one(backend)?))
    };
    let mut tries = TRIES;
    'smaller: loop {
        let case = &scene.cases[0];
        let objects = smaller_policies(&scene.objects).into_iter();
        let fewer = objects.map(|objects| Scene { objects, cases: scene.cases.clone() });
        let cases = smaller(case).into_iter();
        let less = cases.map(|case| Scene { objects: scene.objects.clone(), cases: vec![case] });
        for candidate in fewer.chain(less).collect::<Vec<_>>() {
            if tries == 0 {
                break 'smaller;
            }
            tries -= 1;
            // An invalid case shows no disagreement.
            if let (Ok(ours), theirs) = said(&candidate)?
                && differ(&Ok(ours), &theirs) == Some(true)
            {
                scene = candidate;
                continue 'smaller;
            }
        }
        break;
    }
    let (ours, theirs) = said(&scene)?;
    if let Ok(theirs) = &theirs {
        scene.cases[0]["expect"] = json!(match theirs.verdict {
            Verdict::Allow => "allow",
            Verdict::Deny => "deny",
            Verdict::Ask => "ask",
            _ => "reject",
        });
    }
    let file = CaseFile::new(&scene.objects, &scene.cases);
    let short = |said: &CaseResponse| match said {
        Ok(answer) => format!("{:?} {:?}", answer.verdict, answer.status),
        Err(reason) => reason.clone(),
    };
    Ok(format!("{file}# engine: {}\n# Envoy: {}", short(&ours), short(&theirs)))
}

fn scene(random: &mut Random) -> Scene {
    let policies = policy::policies(random, PORT, Subjects::Sidecar);
    let mut objects = policies.clone();
    objects.push(json!({
        "apiVersion": "v1", "kind": "Pod", "status": {"podIP": "127.0.0.1"},
        "metadata": {"name": "app", "namespace": "foo", "labels": {"app": "app"},
            "annotations": {"sidecar.istio.io/inject": "true"}},
    }));
    objects.extend(authentication(random));
    let cases = (0..CASES).map(|number| case(random, number, &policies)).collect();
    Scene { objects, cases }
}

/// Returns a random RequestAuthentication, or none.
fn authentication(random: &mut Random) -> Option<Value> {
    let keys = "https://keys.example";
    let sets = [
        json!([{"jwksUri": keys}]),
        json!([{"issuer": "i", "jwksUri": keys}]),
        json!([{"issuer": "i", "jwksUri": keys}, {"issuer": "https://i/x", "jwksUri": keys, "audiences": ["a"]}]),
        json!([{"issuer": "i", "jwksUri": keys, "fromHeaders": [{"name": "x-token", "prefix": "T "}]},
            {"issuer": "xi", "jwksUri": keys, "spaceDelimitedClaims": ["g"]}]),
    ];
    let rules = sets[random.below(sets.len())].clone();
    random.percent(75).then(|| {
        json!({
            "apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication",
            "metadata": {"name": "tokens", "namespace": "foo"}, "spec": {"jwtRules": rules},
        })
    })
}

fn case(random: &mut Random, number: usize, policies: &[Value]) -> Value {
    let sample = Sample { metadata: None, ..Sample::near(random, policies) };
    let mut case = sample.case();
    case["name"] = json!(format!("{number}"));
    case["to"] = json!({"workload": "foo/app", "port": PORT});
    case["expect"] = json!("allow");
    case["from"]["ip"] = json!(random.pick(&["127.0.0.1", "127.0.0.1", "127.0.0.5", "127.9.0.1"]));
    from(random, &mut case["from"]);
    let secure = case["from"].get("mtls").is_none();
    if (secure && random.percent(30)) || random.percent(5) {
        case["tls"] = json!({"sni": random.pick(&["a.com", "b.a.com", "A.com", "a.x", "b"])});
    }
    if random.percent(15) {
        for field in ["http", "jwt"] {
            if let Some(fields) = case.as_object_mut() {
                fields.remove(field);
            }
        }
        return case;
    }
    if case.get("jwt").is_some() {
        if random.percent(12) {
            case["jwt"]["invalid"] = json!(random.pick(&["expired", "signature", "malformed"]));
        }
        if random.percent(15) {
            let place =
                [json!({"header": "x-token"}), json!({"query": "access_token"})][random.below(2)].clone();
            case["jwt"]["in"] = place;
        }
    }
    if random.percent(70) {
        let mut answer = || json!(if random.percent(60) { "allow" } else { "deny" });
        case["extAuthz"] = json!({"p1": answer(), "p1-x": answer()});
    }
    case
}

/// Adds the names of a client certificate to `from`, or removes mutual TLS.
fn from(random: &mut Random, from: &mut Value) {
    let more = ["spiffe://td1/ns/a/sa/b", "spiffe://td1/ns/foo/sa/b", "spiffe://old/ns/a.b/sa/c"];
    let names = ["a", "x/ns/a/y", "spiffe://td1/ns/a/sa/b", "b.a.com"];
    let subjects = ["CN=x/ns/a/y", "CN=a", "CN=a,O=b", "CN=td1/ns/a/sa/b"];
    if let Some(principal) = from.get("principal").cloned() {
        if random.percent(20) {
            let pair = [principal, json!(random.pick(&more))];
            from["principal"] =
                if random.percent(50) { json!([pair[0], pair[1]]) } else { json!([pair[1], pair[0]]) };
        }
        if random.percent(12) {
            from["dnsNames"] = json!([random.pick(&names)]);
        }
        if random.percent(12) {
            from["subject"] = json!(random.pick(&subjects));
        }
        return;
    }
    match random.below(4) {
        0 => from["dnsNames"] = json!([random.pick(&names)]),
        1 => from["subject"] = json!(random.pick(&subjects)),
        _ => from["mtls"] = json!(false),
    }
}
