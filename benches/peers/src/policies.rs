//! "Principal X may GET on path prefix /svcX/", as N policies.

use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};
use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};
use palisade::Verdict;
use palisade_benches::{ask::{Ask, Parts}, principal};
use regorus::{
    Engine, Value,
    languages::rego::compiler::Compiler,
    rvm::vm::RegoVM,
};
use std::{cell::RefCell, collections::HashMap, fmt::Write};

/// Something that decides.
pub trait Policies {
    /// Whether `ask` may pass; what it needs is built from the request's parts each time.
    fn allows(&self, ask: &Parts<'_>, raw: &Ask) -> bool;
}

/// Makes an engine with N policies.
pub type Make = fn(usize) -> Box<dyn Policies>;

/// Name, largest N that is worth the time, and how it is made.
pub fn all() -> Vec<(&'static str, usize, Make)> {
    vec![
        ("palisade", 10_000, |n| Box::new(Palisade(principal::set(n)))),
        ("floor: xxh3 of the input", 10_000, |_| Box::new(Floor)),
        ("hash map by principal", 10_000, |n| Box::new(Map::new(n))),
        ("linear scan", 10_000, |n| Box::new(Scan::new(n))),
        ("regorus, indexed data", 10_000, |n| Box::new(Rego::new(n))),
        ("cel, N programs", 1_000, |n| Box::new(Cel::new(n))),
        ("casbin, keyMatch", 1_000, |n| Box::new(Casbin::new(n))),
        ("cedar, N permits", 1_000, |n| Box::new(Cedar::new(n))),
    ]
}

fn prefix(i: usize) -> String {
    format!("/svc{i}/")
}

fn spiffe(i: usize) -> String {
    format!("spiffe://cluster.local/ns/ns{i}/sa/sa{i}")
}

struct Palisade(palisade::PolicySet);

impl Policies for Palisade {
    fn allows(&self, ask: &Parts<'_>, _: &Ask) -> bool {
        ask.decide(&self.0) == Verdict::Allow
    }
}

/// Decides nothing: what it costs to look at the bytes once.
struct Floor;

impl Policies for Floor {
    fn allows(&self, _: &Parts<'_>, ask: &Ask) -> bool {
        let hash = |text: &str| xxhash_rust::xxh3::xxh3_64(text.as_bytes());
        (hash(&ask.identities[0]) ^ hash(&ask.path) ^ hash(&ask.method)) & 1 == 0
    }
}

struct Map(HashMap<String, (String, String), ahash::RandomState>);

impl Map {
    fn new(n: usize) -> Self {
        Self((0..n).map(|i| (spiffe(i), ("GET".to_owned(), prefix(i)))).collect())
    }
}

impl Policies for Map {
    fn allows(&self, _: &Parts<'_>, ask: &Ask) -> bool {
        let found = self.0.get(&ask.identities[0]);
        found.is_some_and(|(method, prefix)| *method == ask.method && ask.path.starts_with(prefix))
    }
}

struct Scan(Vec<(String, String, String)>);

impl Scan {
    fn new(n: usize) -> Self {
        Self((0..n).map(|i| (spiffe(i), "GET".to_owned(), prefix(i))).collect())
    }
}

impl Policies for Scan {
    fn allows(&self, _: &Parts<'_>, ask: &Ask) -> bool {
        self.0.iter().any(|(principal, method, prefix)| {
            *principal == ask.identities[0] && *method == ask.method && ask.path.starts_with(prefix)
        })
    }
}

/// The author of the policy has made an index of the rules.
struct Rego(RefCell<RegoVM>);

const REGO: &str = "package mesh
default allow := false
allow if {
    rule := data.rules[input.principal]
    rule.method == input.method
    startswith(input.path, rule.prefix)
}";

impl Rego {
    fn new(n: usize) -> Self {
        let rules: serde_json::Map<_, _> = (0..n)
            .map(|i| (spiffe(i), serde_json::json!({"method": "GET", "prefix": prefix(i)})))
            .collect();
        let data = Value::from_json_str(&serde_json::json!({"rules": rules}).to_string()).unwrap();
        let mut engine = Engine::new();
        engine.add_policy("mesh.rego".to_owned(), REGO.to_owned()).unwrap();
        engine.add_data(data.clone()).unwrap();
        let compiled = engine.compile_with_entrypoint(&"data.mesh.allow".into()).unwrap();
        let program = Compiler::compile_from_policy(&compiled, &["data.mesh.allow"]).unwrap();
        let mut vm = RegoVM::new();
        vm.load_program(program);
        vm.set_data(data).unwrap();
        Self(RefCell::new(vm))
    }
}

impl Policies for Rego {
    fn allows(&self, _: &Parts<'_>, ask: &Ask) -> bool {
        let mut vm = self.0.borrow_mut();
        let mut input = Value::new_object();
        let fields = input.as_object_mut().unwrap();
        for (name, value) in
            [("principal", &ask.identities[0]), ("method", &ask.method), ("path", &ask.path)]
        {
            fields.insert(Value::from(name), Value::from(value.as_str()));
        }
        vm.set_input(input);
        vm.execute().unwrap() == Value::from(true)
    }
}

struct Cel {
    root: cel::Context<'static, 'static>,
    programs: Vec<cel::Program>,
}

impl Cel {
    fn new(n: usize) -> Self {
        let text = |i| {
            format!("principal == '{}' && method == 'GET' && path.startsWith('{}')", spiffe(i), prefix(i))
        };
        let programs = (0..n).map(|i| cel::Program::compile(&text(i)).unwrap()).collect();
        Self { root: cel::Context::default(), programs }
    }
}

impl Policies for Cel {
    fn allows(&self, _: &Parts<'_>, ask: &Ask) -> bool {
        let mut context = self.root.new_inner_scope();
        context.add_variable_from_value("principal", ask.identities[0].as_str());
        context.add_variable_from_value("method", ask.method.as_str());
        context.add_variable_from_value("path", ask.path.as_str());
        self.programs.iter().any(|p| p.execute(&context).unwrap() == cel::Value::Bool(true))
    }
}

struct Casbin(Enforcer);

const MODEL: &str = "
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && r.act == p.act && keyMatch(r.obj, p.obj)
";

impl Casbin {
    fn new(n: usize) -> Self {
        let rules = (0..n).map(|i| vec![spiffe(i), format!("{}*", prefix(i)), "GET".to_owned()]).collect();
        Self(pollster::block_on(async {
            let model = DefaultModel::from_str(MODEL).await.unwrap();
            let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await.unwrap();
            enforcer.add_policies(rules).await.unwrap();
            enforcer
        }))
    }
}

impl Policies for Casbin {
    fn allows(&self, _: &Parts<'_>, ask: &Ask) -> bool {
        self.0.enforce((ask.identities[0].as_str(), ask.path.as_str(), ask.method.as_str())).unwrap()
    }
}

struct Cedar {
    policies: PolicySet,
    authorizer: Authorizer,
    entities: Entities,
    resource: EntityUid,
}

impl Cedar {
    fn new(n: usize) -> Self {
        let mut text = String::new();
        for i in 0..n {
            let (principal, prefix) = (spiffe(i), prefix(i));
            writeln!(
                text,
                "permit(principal == User::\"{principal}\", action == Action::\"GET\", resource)
                 when {{ context.path like \"{prefix}*\" }};"
            )
            .unwrap();
        }
        Self {
            policies: text.parse().unwrap(),
            authorizer: Authorizer::new(),
            entities: Entities::empty(),
            resource: "Service::\"sample\"".parse().unwrap(),
        }
    }
}

impl Policies for Cedar {
    fn allows(&self, _: &Parts<'_>, ask: &Ask) -> bool {
        let uid = |kind: &str, id: &str| {
            EntityUid::from_type_name_and_id(kind.parse().unwrap(), cedar_policy::EntityId::new(id))
        };
        let path = cedar_policy::RestrictedExpression::new_string(ask.path.clone());
        let context = Context::from_pairs([("path".to_owned(), path)]).unwrap();
        let (principal, action) = (uid("User", &ask.identities[0]), uid("Action", &ask.method));
        let request = Request::new(principal, action, self.resource.clone(), context, None).unwrap();
        self.authorizer.is_authorized(&request, &self.policies, &self.entities).decision() == Decision::Allow
    }
}
