//! Name to model: the only place where a model's type is erased.
//!
//! Registration is explicit, `Registry::default().with(latentlab_models::plugin)?`, and built-in
//! models enter through the same door as outside ones. Registries filled at link time were tried:
//! a plug-in crate that no code names is then silently absent.

use std::collections::BTreeMap;

use latentlab_tensor::ParamBuilder;
use schemars::Schema;
use serde::{Serialize, de::DeserializeOwned};
use toml::Table;

use crate::{DataInfo, Error, GenerativeModel, ModelSpec, Result, from_table, merge};

/// A set of models, or of anything that registers them. Any `fn(&mut Registry) -> Result<()>` is
/// one.
pub trait Plugin {
    /// Adds the models of this plugin.
    fn register(&self, registry: &mut Registry) -> Result<()>;
}

impl<F: Fn(&mut Registry) -> Result<()>> Plugin for F {
    fn register(&self, registry: &mut Registry) -> Result<()> {
        self(registry)
    }
}

/// The models that experiment files can name.
#[derive(Default)]
pub struct Registry {
    entries: BTreeMap<&'static str, Entry>,
}

/// What the registry knows of one model.
pub struct Entry {
    /// The name in experiment files.
    pub name: &'static str,
    /// One line for `list`.
    pub summary: &'static str,
    schema: fn() -> Schema,
    resolve: fn(&Table) -> Result<Table>,
    build: BuildFn,
}

type BuildFn = fn(&Table, &DataInfo, &ParamBuilder) -> Result<Box<dyn GenerativeModel>>;

impl Registry {
    /// The registry with the models of `plugin` added.
    ///
    /// # Errors
    /// If a name is taken.
    pub fn with(mut self, plugin: impl Plugin) -> Result<Self> {
        plugin.register(&mut self)?;
        Ok(self)
    }

    /// Adds one model.
    ///
    /// # Errors
    /// If its name is taken.
    pub fn add<M: ModelSpec>(&mut self) -> Result<()> {
        let entry = Entry {
            name: M::NAME,
            summary: M::SUMMARY,
            schema: || schemars::schema_for!(M::Config),
            resolve: |config| {
                let config: M::Config = parse(config)?;
                Table::try_from(config)
                    .map_err(|error| Error::config("model.config", error.to_string()))
            },
            build: |config, data, params| {
                let model = M::build(&parse(config)?, data, params).map_err(in_model_config)?;
                Ok(Box::new(model))
            },
        };
        match self.entries.insert(M::NAME, entry) {
            None => Ok(()),
            Some(_) => Err(Error::Duplicate(M::NAME)),
        }
    }

    /// The entry of a model.
    ///
    /// # Errors
    /// For an unknown name, with the nearest known one.
    pub fn get(&self, name: &str) -> Result<&Entry> {
        self.entries
            .get(name)
            .ok_or_else(|| Error::unknown("model", name, self.entries.keys().copied()))
    }

    /// All entries, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }
}

impl Entry {
    /// The JSON schema of the configuration, with the doc comments as descriptions.
    pub fn schema(&self) -> Schema {
        (self.schema)()
    }

    /// The whole configuration: `config` with the defaults of every key that it leaves out.
    ///
    /// # Errors
    /// For an unknown key or a value of the wrong type, naming the key and the valid ones.
    pub fn resolve(&self, config: &Table) -> Result<Table> {
        (self.resolve)(config)
    }

    /// Builds the model, declaring its parameters below `params`.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve), and for values that cannot work with `data`.
    pub fn build(
        &self,
        config: &Table,
        data: &DataInfo,
        params: &ParamBuilder,
    ) -> Result<Box<dyn GenerativeModel>> {
        (self.build)(config, data, params)
    }
}

/// Reads `config`, laid over the defaults: a nested table that names one key keeps the default's
/// other keys.
fn parse<C: Serialize + DeserializeOwned + Default>(config: &Table) -> Result<C> {
    let mut whole = Table::try_from(C::default())
        .map_err(|error| Error::config("model.config", error.to_string()))?;
    merge(&mut whole, config);
    from_table("model.config", whole)
}

fn in_model_config(error: Error) -> Error {
    match error {
        Error::Config { field, problem } => Error::Config {
            field: format!("model.config.{field}"),
            problem,
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use latentlab_tensor::ParamStore;
    use schemars::JsonSchema;
    use serde::Deserialize;
    use toml::toml;

    use super::*;
    use crate::{ImageShape, Phase, ValueRange};

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(default, deny_unknown_fields)]
    struct Config {
        /// Units.
        size: usize,
        inner: Inner,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(default, deny_unknown_fields)]
    struct Inner {
        rate: f64,
        depth: usize,
    }

    impl Default for Config {
        fn default() -> Self {
            let inner = Inner {
                rate: 0.5,
                depth: 7,
            };
            Self { size: 3, inner }
        }
    }

    impl Default for Inner {
        fn default() -> Self {
            Self {
                rate: 0.0,
                depth: 0,
            }
        }
    }

    struct Probe;

    impl GenerativeModel for Probe {
        fn phases(&self) -> Vec<Phase<'_>> {
            Vec::new()
        }
    }

    impl ModelSpec for Probe {
        const NAME: &'static str = "probe";
        const SUMMARY: &'static str = "for these tests";
        type Config = Config;

        fn build(config: &Config, _: &DataInfo, _: &ParamBuilder) -> Result<Self> {
            match config.size {
                0 => Err(Error::config("size", "must be at least 1")),
                _ => Ok(Self),
            }
        }
    }

    fn registry() -> Registry {
        let plugin = |registry: &mut Registry| registry.add::<Probe>();
        Registry::default().with(plugin).unwrap()
    }

    fn refusal(config: &Table) -> String {
        let store = ParamStore::new(0, DType::F32, &Device::Cpu);
        let shape = ImageShape {
            channels: 1,
            height: 1,
            width: 1,
        };
        let data = DataInfo {
            shape,
            range: ValueRange::Unit,
            classes: None,
            mean: vec![0.5],
        };
        let registry = registry();
        let built = registry
            .get("probe")
            .unwrap()
            .build(config, &data, &store.root());
        built.err().expect("the configuration is wrong").to_string()
    }

    #[test]
    fn a_name_is_registered_only_once() {
        let twice = registry().with(|registry: &mut Registry| registry.add::<Probe>());
        assert!(matches!(twice, Err(Error::Duplicate("probe"))));
    }

    #[test]
    fn an_unknown_model_is_met_with_the_nearest() {
        let message = registry().get("prob").err().unwrap().to_string();
        assert!(message.contains("did you mean `probe`?"), "{message}");
    }

    #[test]
    fn a_nested_table_that_names_one_key_keeps_the_defaults_of_the_others() {
        let config = toml! { inner.rate = 2.0 };
        let whole = registry().get("probe").unwrap().resolve(&config).unwrap();
        assert_eq!(
            whole,
            toml! { size = 3
            inner = { rate = 2.0, depth = 7 } }
        );
    }

    #[test]
    fn a_wrong_key_or_type_names_the_field_and_what_is_valid() {
        let message = refusal(&toml! { inner.rat = 1.0 });
        assert!(message.contains("model.config.inner"), "{message}");
        assert!(message.contains("rate"), "{message}");
        let message = refusal(&toml! { size = "many" });
        assert!(message.contains("`model.config.size`"), "{message}");
    }

    #[test]
    fn a_value_that_cannot_work_is_named_by_its_place_in_the_file() {
        let message = refusal(&toml! { size = 0 });
        assert_eq!(message, "`model.config.size`: must be at least 1");
    }
}
