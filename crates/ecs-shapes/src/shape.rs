//! The types that the generated table is made of.

/// One AWS API: its protocol's names and the operations that the table covers.
#[derive(Debug)]
pub struct Api {
    /// Botocore's folder name, such as `ecs`.
    pub service: &'static str,
    /// The API's version, such as `2014-11-13`.
    pub version: &'static str,
    /// What stands before the dot in `X-Amz-Target`; empty where the protocol is not AWS JSON.
    pub target_prefix: &'static str,
    /// The AWS JSON protocol's version, `1.0` or `1.1`; empty where the protocol is another.
    pub json_version: &'static str,
    /// The namespace of answers in AWS's query protocol; empty where the protocol is another.
    pub xml_namespace: &'static str,
    /// Sorted by name.
    pub operations: &'static [Operation],
}

impl Api {
    /// The operation of that name, in AWS's spelling (`DescribeServices`).
    pub fn operation(&self, name: &str) -> Option<&'static Operation> {
        self.operations
            .binary_search_by(|operation| operation.name.cmp(name))
            .ok()
            .and_then(|index| self.operations.get(index))
    }
}

/// One operation of an [`Api`].
#[derive(Debug)]
pub struct Operation {
    /// AWS's spelling, such as `DescribeServices`.
    pub name: &'static str,
    /// The request; always a [`Kind::Structure`].
    pub input: &'static Shape,
    /// The answer; always a [`Kind::Structure`].
    pub output: &'static Shape,
    /// The errors that the model lists, by the names that answers have for them: in the query protocol
    /// their codes, else their shapes' names.
    pub errors: &'static [&'static str],
}

/// A named shape of the model.
#[derive(Debug)]
pub struct Shape {
    /// AWS's name of the shape, such as `ContainerDefinition`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
}

/// What a [`Shape`] is, with the limits that the model states.
#[derive(Debug)]
pub enum Kind {
    /// Members, sorted by name.
    Structure(&'static [Member]),
    /// A list and the least and greatest number of items.
    List {
        /// Each item's shape.
        item: &'static Shape,
        /// Least number of items.
        min: Option<u64>,
        /// Greatest number of items.
        max: Option<u64>,
    },
    /// A map from strings.
    Map {
        /// Each key's shape.
        key: &'static Shape,
        /// Each value's shape.
        value: &'static Shape,
    },
    /// A string and its limits.
    String {
        /// The allowed values, empty where any string is.
        values: &'static [&'static str],
        /// A regular expression in the model's dialect.
        pattern: Option<&'static str>,
        /// Least number of characters.
        min: Option<u64>,
        /// Greatest number of characters.
        max: Option<u64>,
    },
    /// `true` or `false`.
    Boolean,
    /// A whole number of 32 or 64 bits.
    Integer {
        /// Least value.
        min: Option<i64>,
        /// Greatest value.
        max: Option<i64>,
    },
    /// A number that may have a fraction.
    Double {
        /// Least value.
        min: Option<f64>,
        /// Greatest value.
        max: Option<f64>,
    },
    /// Seconds since the epoch on the wire, with a fraction.
    Timestamp,
    /// Base64 on the wire.
    Blob,
    /// Any JSON: what it holds is between those who write and who read it, and AWS hands it on.
    Document,
}

/// What a document holds is documents again.
static DOCUMENT: Shape = Shape { name: "Document", kind: Kind::Document };

/// One member of a structure.
#[derive(Debug)]
pub struct Member {
    /// The name on the wire.
    pub name: &'static str,
    /// Its shape.
    pub shape: &'static Shape,
    /// Whether the model lists it as required.
    pub required: bool,
    /// Whether the model marks it, or its shape, as sensitive.
    pub sensitive: bool,
}

impl Shape {
    /// The members, empty where this is no structure.
    pub fn members(&self) -> &'static [Member] {
        match self.kind {
            Kind::Structure(members) => members,
            _ => &[],
        }
    }

    /// The member of exactly that name.
    pub fn member(&self, name: &str) -> Option<&'static Member> {
        let members = self.members();
        members.binary_search_by(|member| member.name.cmp(name)).ok().and_then(|index| members.get(index))
    }

    /// Whether a text, or a list of texts, can stand for all of it.
    pub fn is_of_texts(&self) -> bool {
        match self.kind {
            Kind::Structure(_) | Kind::Map { .. } => false,
            Kind::List { item, .. } => item.is_of_texts(),
            _ => true,
        }
    }

    /// A list's item shape or a map's value shape; in a document, of whatever it holds.
    pub fn element(&self) -> Option<&'static Shape> {
        match self.kind {
            Kind::List { item, .. } => Some(item),
            Kind::Map { value, .. } => Some(value),
            Kind::Document => Some(&DOCUMENT),
            _ => None,
        }
    }
}
