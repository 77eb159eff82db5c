//! Curves of a run as SVG: one file for each group of figures in `metrics.jsonl`.

use std::collections::BTreeMap;

use latentlab_train::Record;
use plotters::prelude::*;

use crate::{Error, Result};

const SIZE: (u32, u32) = (800, 420);

/// The plots of a run by file name: `generator.svg` shows every key below `generator/`.
pub fn plots(records: &[Record]) -> Result<Vec<(String, String)>> {
    let mut groups: BTreeMap<&str, BTreeMap<&str, Vec<(f64, f64)>>> = BTreeMap::new();
    for record in records {
        for (key, value) in record.iter().filter(|(_, value)| value.is_finite()) {
            let (group, name) = key.split_once('/').unwrap_or(("other", key));
            let curve = groups.entry(group).or_default().entry(name).or_default();
            curve.push((record.step as f64, value));
        }
    }
    groups
        .into_iter()
        .map(|(group, curves)| {
            let svg = draw(group, &curves)
                .map_err(|error| Error::Argument(format!("cannot draw {group}: {error}")))?;
            Ok((format!("{group}.svg"), svg))
        })
        .collect()
}

fn draw(
    title: &str,
    curves: &BTreeMap<&str, Vec<(f64, f64)>>,
) -> Result<String, Box<dyn std::error::Error>> {
    let points = || curves.values().flatten();
    let bounds = |values: &mut dyn Iterator<Item = f64>| {
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let margin = ((high - low) * 0.05).max(1e-6);
        (low - margin)..(high + margin)
    };
    let steps = bounds(&mut points().map(|(step, _)| *step));
    let values = bounds(&mut points().map(|(_, value)| *value));
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(64)
            .build_cartesian_2d(steps, values)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc("step")
            .draw()?;
        for (index, (name, curve)) in curves.iter().enumerate() {
            let colour = Palette99::pick(index).to_rgba();
            chart
                .draw_series(LineSeries::new(
                    curve.iter().copied(),
                    colour.stroke_width(2),
                ))?
                .label(*name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
        }
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.2))
            .draw()?;
        area.present()?;
    }
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_of_figures_gets_a_plot_with_its_curves() {
        let records: Vec<Record> = (1..=3)
            .map(|step| {
                let mut record = Record::new(step, 0.0);
                record.insert("generator/loss", step as f64);
                record.insert("discriminator/loss", 1.0 / step as f64);
                record
            })
            .collect();
        let plots = plots(&records).unwrap();
        let names: Vec<_> = plots.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["discriminator.svg", "generator.svg"]);
        assert!(plots[1].1.contains("polyline") && plots[1].1.contains("loss"));
    }
}
