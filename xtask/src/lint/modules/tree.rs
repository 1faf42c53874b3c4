//! The modules of a crate, and the edges between them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::super::files::TextFile;
use super::super::finding::Finding;
use super::super::source;
use super::paths::{self, Named};
use super::tokens;

/// A module by its names from the root, which has none.
pub(crate) type Module = Vec<String>;

/// Re-exports may lead to re-exports; a circle of them does not compile.
const MAX_REEXPORTS: usize = 16;

/// A reference from one module to another, reduced to children of one folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) folder: Module,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) path: PathBuf,
    pub(crate) line: usize,
}

/// A crate as its files are.
pub(crate) struct Crate {
    root: PathBuf,
    modules: BTreeSet<Module>,
    references: Vec<Reference>,
    /// The targets of `pub use`, by module and name.
    exports: BTreeMap<(Module, String), Module>,
}

/// A path that a file names, from its module.
struct Reference {
    from: Module,
    named: Named,
    path: PathBuf,
    line: usize,
}

impl Crate {
    /// Reads the files of the crate whose root module is in `folder`.
    pub(crate) fn read(folder: &str, files: &[TextFile]) -> Self {
        let sources: Vec<(Module, &TextFile, String)> = files
            .iter()
            .filter_map(|file| {
                let module = module_of(file.path.strip_prefix(folder).ok()?)?;
                Some((module, file, source::code_only(&file.text)))
            })
            .collect();
        let tests: Vec<Module> = sources
            .iter()
            .flat_map(|(module, _, code)| {
                tokens::test_modules(code)
                    .into_iter()
                    .map(|name| child(module, &name))
            })
            .collect();
        let is_test = |module: &Module| tests.iter().any(|test| module.starts_with(test));
        let mut tree = Self {
            root: Path::new(folder).join("lib.rs"),
            modules: BTreeSet::new(),
            references: Vec::new(),
            exports: BTreeMap::new(),
        };
        for (module, file, code) in sources.iter().filter(|(module, ..)| !is_test(module)) {
            tree.modules.insert(module.clone());
            for named in paths::named(&tokens::product_tokens(code)) {
                let mut from = module.clone();
                from.extend(named.inline.iter().cloned());
                let line = source::line_of(&file.text, named.offset);
                let path = file.path.clone();
                tree.references.push(Reference {
                    from,
                    named,
                    path,
                    line,
                });
            }
        }
        tree.exports = tree
            .references
            .iter()
            .filter_map(|reference| {
                let name = reference.named.exported_as.clone()?;
                let path = tree.absolute(reference)?;
                Some(((reference.from.clone(), name), path))
            })
            .collect();
        tree
    }

    /// The children of the root module.
    pub(crate) fn top_level(&self) -> impl Iterator<Item = &str> {
        self.modules
            .iter()
            .filter(|module| module.len() == 1)
            .map(|module| module[0].as_str())
    }

    /// The file of the root module.
    pub(crate) fn root_file(&self) -> &Path {
        &self.root
    }

    /// Finds what is imported through the root module instead of from the module that defines it.
    pub(crate) fn root_imports(&self) -> Vec<Finding> {
        let refused = self
            .references
            .iter()
            .filter(|reference| !reference.from.is_empty());
        refused
            .filter_map(|reference| {
                let path = self.absolute(reference)?;
                let first = path.first().map_or("*", String::as_str);
                if self.modules.contains(&path[..path.len().min(1)]) && !path.is_empty() {
                    return None;
                }
                let what = format!("`crate::{first}` goes through lib.rs: import it from the module that defines it");
                Some(Finding::new(&reference.path, reference.line, what))
            })
            .collect()
    }

    /// Finds all edges, each at its first line of each file.
    pub(crate) fn edges(&self) -> Vec<Edge> {
        let mut edges = BTreeSet::new();
        for reference in &self.references {
            let Some(path) = self.absolute(reference) else {
                continue;
            };
            let to = self.module_of_item(&path, MAX_REEXPORTS);
            let from = self.file_module(&reference.from);
            let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            if common < from.len() && common < to.len() {
                edges.insert(Edge {
                    folder: from[..common].to_vec(),
                    from: from[common].clone(),
                    to: to[common].clone(),
                    path: reference.path.clone(),
                    line: reference.line,
                });
            }
        }
        let mut seen = BTreeSet::new();
        edges
            .into_iter()
            .filter(|edge| {
                seen.insert((
                    edge.folder.clone(),
                    edge.from.clone(),
                    edge.to.clone(),
                    edge.path.clone(),
                ))
            })
            .collect()
    }

    /// Returns the path from the root, or `None` for another crate's.
    fn absolute(&self, reference: &Reference) -> Option<Module> {
        let mut base = reference.from.clone();
        let mut segments = reference.named.segments.as_slice();
        match segments.first()?.as_str() {
            "crate" => base.clear(),
            "self" => {}
            "super" => {
                base.pop()?;
            }
            // An import may begin with a child of its own module.
            name => {
                return self.modules.contains(&child(&base, name)).then(|| {
                    base.extend(segments.iter().cloned());
                    base
                });
            }
        }
        segments = &segments[1..];
        while segments.first().is_some_and(|segment| segment == "super") {
            base.pop()?;
            segments = &segments[1..];
        }
        base.extend(segments.iter().filter(|segment| *segment != "*").cloned());
        Some(base)
    }

    /// Returns the module that holds an item, through re-exports of folders.
    fn module_of_item(&self, path: &[String], depth: usize) -> Module {
        let mut module = Module::new();
        for (index, segment) in path.iter().enumerate() {
            let next = child(&module, segment);
            if self.modules.contains(&next) {
                module = next;
                continue;
            }
            if let Some(target) = self.exports.get(&(module.clone(), segment.clone()))
                && depth > 0
            {
                let mut target = target.clone();
                target.extend(path[index + 1..].iter().cloned());
                return self.module_of_item(&target, depth - 1);
            }
            break;
        }
        module
    }

    /// Returns the module without the inline modules at its end.
    fn file_module(&self, module: &[String]) -> Module {
        let length = (0..=module.len())
            .rev()
            .find(|length| self.modules.contains(&module[..*length]));
        module[..length.unwrap_or(0)].to_vec()
    }
}

fn child(module: &[String], name: &str) -> Module {
    let mut child = module.to_vec();
    child.push(name.to_owned());
    child
}

/// Returns the module of a file, or `None` for the root of a program.
fn module_of(path: &Path) -> Option<Module> {
    let mut names: Module = path
        .with_extension("")
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    match names.last().map(String::as_str) {
        Some("main") if names.len() == 1 => return None,
        Some("lib") if names.len() == 1 => names.clear(),
        Some("mod") => {
            names.pop();
        }
        _ => {}
    }
    Some(names)
}
