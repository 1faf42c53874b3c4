//! Horizontal bars with whiskers, as SVG for light and dark themes.

use std::fmt::Write as _;

use crate::measure::number;
use crate::outcome::{Measure, Side};

const WIDTH: f64 = 720.0;
/// The space for the names; `RIGHT` is that for the numbers behind the bars.
const LEFT: f64 = 170.0;
const RIGHT: f64 = 100.0;
const TOP: f64 = 40.0;
const STEP: f64 = 30.0;
const THICK: f64 = 18.0;

/// Styles with their own background, because the theme of a page may differ from that of the reader.
const STYLE: &str = "\
.g{fill:#fff}text{font:13px system-ui,sans-serif;fill:#24292f}.h{font-weight:600}.n{fill:#57606a}\
.ours{fill:#0a7d5a}.floor{fill:#9aa4ad}.peer{fill:#5b8ec9}.w{stroke:#24292f;stroke-width:1.5;fill:none}\
@media(prefers-color-scheme:dark){.g{fill:#0d1117}text{fill:#e6edf3}.n{fill:#9aa4ad}\
.ours{fill:#2fbf8f}.floor{fill:#6e7681}.peer{fill:#4f83c0}.w{stroke:#e6edf3}}";

/// Draws the figures of one measure.
pub fn bars(measure: &Measure) -> String {
    let highest = measure
        .figures
        .iter()
        .map(|figure| figure.median_range.max)
        .fold(0.0, f64::max);
    // If all figures are zero, any scale will do.
    let scale = (WIDTH - LEFT - RIGHT) / if highest > 0.0 { highest } else { 1.0 };
    let height = TOP + STEP * measure.figures.len() as f64 + 6.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"g\" width=\"{WIDTH}\" height=\"{height}\" rx=\"6\"/>\n\
         <text class=\"h\" x=\"8\" y=\"22\">{title}, {unit}</text>\n",
        title = escape(&measure.title),
        unit = escape(&measure.unit),
    );
    for (at, figure) in measure.figures.iter().enumerate() {
        let y = TOP + STEP * at as f64;
        let middle = y + THICK / 2.0;
        let class = match figure.side {
            Side::Ours => "ours",
            Side::Floor => "floor",
            Side::Peer => "peer",
        };
        let median_range = figure.median_range;
        let x = |value: f64| LEFT + value * scale;
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            middle + 4.5,
            escape(&figure.name)
        );
        // A bar too short to be visible would look like a missing one.
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{THICK}\" rx=\"2\"/>",
            (median_range.median * scale).max(1.0)
        );
        let (low, high) = (x(median_range.min), x(median_range.max));
        if high - low >= 1.0 {
            let (up, down) = (middle - 4.0, middle + 4.0);
            let _ = writeln!(
                svg,
                "<path class=\"w\" d=\"M{low:.1} {up:.1}V{down:.1}M{low:.1} {middle:.1}H{high:.1}M{high:.1} \
                 {up:.1}V{down:.1}\"/>"
            );
        }
        let _ = writeln!(
            svg,
            "<text class=\"n\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x(median_range.max.max(median_range.median)) + 8.0,
            middle + 4.5,
            number(median_range.median)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
