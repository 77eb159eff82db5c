//! Claims measured from end to end, as far as that takes seconds.

use std::fs;

use latentlab_claims::{CLAIMS, Claim, Lab, Verdict, page};

fn claim(name: &str) -> &'static Claim {
    CLAIMS.iter().find(|claim| claim.name == name).unwrap()
}

#[test]
fn a_claim_is_measured_told_and_not_trained_twice() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::new(folder.path(), true).unwrap();
    let claim = claim("equilibrium");
    let finding = (claim.measure)(&lab).unwrap();
    assert_eq!(finding.verdict(), Verdict::Holds);
    page(claim, &finding, true, folder.path()).unwrap();
    let text = fs::read_to_string(folder.path().join("claims/equilibrium.md")).unwrap();
    assert!(
        text.contains("p / (p + q)") && text.contains("| yes |"),
        "{text}"
    );
    assert!(folder.path().join("claims/equilibrium-1.svg").is_file());

    let record = folder.path().join("quick/fixed-dice/run.json");
    let before = fs::read_to_string(&record).unwrap();
    let again = (claim.measure)(&lab).unwrap();
    assert_eq!(again.criteria, finding.criteria);
    assert_eq!(
        fs::read_to_string(&record).unwrap(),
        before,
        "trained again"
    );
}

#[test]
fn names_are_unique_and_every_claim_says_how_it_is_measured() {
    let mut names: Vec<_> = CLAIMS.iter().map(|claim| claim.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CLAIMS.len());
    for claim in &CLAIMS {
        assert!(claim.method.len() > 100, "{}", claim.name);
    }
}
