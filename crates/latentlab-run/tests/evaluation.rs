//! What a run measures while it trains, against what it promised to.

use std::collections::BTreeSet;

use latentlab_core::Registry;
use latentlab_evaluate::catalogue::look_up;
use latentlab_run::{Experiment, Session};
use toml::Table;

#[test]
fn what_is_measured_is_what_was_promised_and_stands_in_the_catalogue() {
    let registry = Registry::default().with(latentlab_models::plugin).unwrap();
    for file in [
        "model = { name = 'ae', config = { hidden = [8], latent = 2 } }",
        "model = { name = 'vae', config = { hidden = [8], latent = 2 } }
         data = { name = 'mnist', validation = 20 }
         evaluate.importance_samples = 3",
        "model = { name = 'gan', config = { generator.hidden = [8] } }",
        "model = { name = 'gan', config = { latent = 2 } }\ndata.name = 'ring'",
        "model = { name = 'gan', config = { output = 'softmax' } }\ndata.name = 'dice'",
        "model = { name = 'classifier', config = { hidden = [8], features = 4 } }",
    ] {
        let mut table: Table = file.parse().unwrap();
        latentlab_core::merge(&mut table, &toml::toml! { evaluate.images = 20 });
        let experiment = Experiment::resolve(&table, &Table::new(), &registry).unwrap();
        let session = Session::build(experiment, &registry).unwrap();
        session.store.freeze();
        let evaluation = session.evaluation(&registry).unwrap();
        let promised: BTreeSet<String> = evaluation.names(&*session.model).into_iter().collect();
        let measured = evaluation.measure(&*session.model).unwrap().into_iter();
        let measured: BTreeSet<String> = measured
            .map(|(name, _)| match name.rsplit_once("/kl/") {
                Some((split, _)) => format!("{split}/kl/*"),
                None => name,
            })
            .collect();
        assert_eq!(measured, promised, "{file}");
        for name in measured {
            assert!(look_up(&name).is_some(), "{name} is in no catalogue");
        }
    }
}
