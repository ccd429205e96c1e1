//! General policy engines.

use crate::{
    engine::{PolicyEngine, prefix, spiffe},
    peer::Make,
};
use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};
use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};
use palisade_benches::requests::{OwnedRequest, RequestParts};
use regorus::{Engine, Value, languages::rego::compiler::Compiler, rvm::vm::RegoVM};
use std::{cell::RefCell, fmt::Write};

pub(crate) fn all() -> Vec<(&'static str, usize, Make<dyn PolicyEngine>)> {
    vec![
        ("regorus, indexed data", 10_000, |n| Box::new(Rego::new(n))),
        ("cel, N programs", 10_000, |n| Box::new(Cel::new(n))),
        ("casbin, keyMatch", 10_000, |n| Box::new(Casbin::new(n))),
        ("cedar, N permits", 10_000, |n| Box::new(Cedar::new(n))),
    ]
}

/// Rego rules that the author of the policy has indexed by principal.
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
        let rules: serde_json::Map<_, _> =
            (0..n).map(|i| (spiffe(i), serde_json::json!({"method": "GET", "prefix": prefix(i)}))).collect();
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

impl PolicyEngine for Rego {
    fn allows(&self, _: &RequestParts<'_>, request: &OwnedRequest) -> bool {
        let mut vm = self.0.borrow_mut();
        let mut input = Value::new_object();
        let fields = input.as_object_mut().unwrap();
        for (name, value) in [("principal", &request.identities[0]), ("method", &request.method), ("path", &request.path)]
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

impl PolicyEngine for Cel {
    fn allows(&self, _: &RequestParts<'_>, request: &OwnedRequest) -> bool {
        let mut context = self.root.new_inner_scope();
        context.add_variable_from_value("principal", request.identities[0].as_str());
        context.add_variable_from_value("method", request.method.as_str());
        context.add_variable_from_value("path", request.path.as_str());
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

impl PolicyEngine for Casbin {
    fn allows(&self, _: &RequestParts<'_>, request: &OwnedRequest) -> bool {
        self.0.enforce((request.identities[0].as_str(), request.path.as_str(), request.method.as_str())).unwrap()
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

impl PolicyEngine for Cedar {
    fn allows(&self, _: &RequestParts<'_>, request: &OwnedRequest) -> bool {
        let uid = |kind: &str, id: &str| {
            EntityUid::from_type_name_and_id(kind.parse().unwrap(), cedar_policy::EntityId::new(id))
        };
        let path = cedar_policy::RestrictedExpression::new_string(request.path.clone());
        let context = Context::from_pairs([("path".to_owned(), path)]).unwrap();
        let (principal, action) = (uid("User", &request.identities[0]), uid("Action", &request.method));
        let request = Request::new(principal, action, self.resource.clone(), context, None).unwrap();
        self.authorizer.is_authorized(&request, &self.policies, &self.entities).decision() == Decision::Allow
    }
}
