//! `palisade lint`.

use crate::folder::Folder;

const POLICY: &[u8] = b"apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  endpointSelector: {}
  ingress:
  - toPorts:
    - ports:
      - {port: '65536', protocol: tcp}
";

const STAR: &[u8] = b"apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  endpointSelector: {}
  egress:
  - toPorts:
    - ports: [{port: '53', protocol: UDP}]
      rules: {dns: [{matchPattern: '*'}]}
";

#[test]
fn finding_has_authority_file_line_path_and_remedy() {
    let folder = Folder::new(&[("db.yaml", POLICY)]);
    folder.run("lint -f db.yaml").assert_output(
        1,
        &[
            "db.yaml:9:10",
            "invalid port `65536`",
            "spec.ingress[0].toPorts[0].ports[0].port",
            "refused by the Cilium agent; the API server (CRD) lets it in",
            "refused by the API server (CRD); the Cilium agent would take it",
            "write `TCP`",
            "1 error, 1 warning",
        ],
    );
    let ran = folder.run("lint -f db.yaml -o json");
    let report: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    let by: Vec<&serde_json::Value> =
        report["findings"].as_array().into_iter().flatten().map(|finding| &finding["refusedBy"]).collect();
    assert_eq!(by, [&serde_json::json!(["cilium-agent"]), &serde_json::json!(["crd"])]);
}

#[test]
fn platform_profile_adds_its_validation() {
    let folder = Folder::new(&[("dns.yaml", STAR)]);
    folder.run("lint -f dns.yaml").assert_output(0, &["no problems found"]);
    folder
        .run("lint -f dns.yaml --profile azure-acns")
        .assert_output(1, &["the bare `*`", "dns.yaml:9", "ACNS"]);
    let none = "lint -f dns.yaml --profile azure-acns --option advancedNetworkPolicies=None";
    folder.run(none).assert_output(1, &["needs advanced network policies of level FQDN"]);
    folder.run("lint -f dns.yaml --option profile=strict").assert_error(2, &["write `--profile strict`"]);
}
