//! The form of a type that is saved: names and types of its fields, as text.
//!
//! A type tells its form as it is read: the reader here has no bytes, gives something for whatever is asked, and
//! writes down what that was. Of an enum only one variant can be read at a time, so that a type is read again until
//! all were.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use serde::Deserializer;
use serde::de::value::U32Deserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// The form of `T`, and of the enums in it.
pub fn form_of<T: DeserializeOwned>() -> String {
    let mut enums = Enums::default();
    loop {
        let (mut text, known) = (String::new(), enums.known());
        T::deserialize(Reader { text: &mut text, enums: &mut enums }).unwrap_or_else(|why| panic!("{text}: {why}"));
        if enums.known() == known {
            let enums =
                enums.0.iter().map(|((name, _), variants)| format!("\n  enum {name} {{ {} }}", variants.join(", ")));
            return text + &enums.collect::<String>();
        }
    }
}

/// The variants of each enum that were read, with their forms.
#[derive(Default)]
struct Enums(BTreeMap<(&'static str, &'static [&'static str]), Vec<String>>);

impl Enums {
    fn known(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }
}

/// What a type does not take.
#[derive(Debug)]
struct Refused(String);

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl serde::de::Error for Refused {
    fn custom<T: Display>(why: T) -> Refused {
        Refused(why.to_string())
    }
}

/// Gives something for whatever is asked.
struct Reader<'a> {
    text: &'a mut String,
    enums: &'a mut Enums,
}

impl Reader<'_> {
    fn note(&mut self, text: impl Display) {
        *self.text += &text.to_string();
    }
}

/// Types that are one value.
macro_rules! values {
    ($($method:ident $name:literal $visit:ident $value:expr;)*) => {
        $(
            fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
                self.note($name);
                visitor.$visit($value)
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Refused;

    values! {
        deserialize_bool "bool" visit_bool false;
        deserialize_i8 "i8" visit_i8 0;
        deserialize_i16 "i16" visit_i16 0;
        deserialize_i32 "i32" visit_i32 0;
        deserialize_i64 "i64" visit_i64 0;
        deserialize_u8 "u8" visit_u8 0;
        deserialize_u16 "u16" visit_u16 0;
        deserialize_u32 "u32" visit_u32 0;
        deserialize_u64 "u64" visit_u64 0;
        deserialize_f32 "f32" visit_f32 0.0;
        deserialize_f64 "f64" visit_f64 0.0;
        deserialize_char "char" visit_char 'a';
        deserialize_str "text" visit_borrowed_str "";
        deserialize_string "text" visit_borrowed_str "";
        deserialize_bytes "bytes" visit_borrowed_bytes b"";
        deserialize_byte_buf "bytes" visit_borrowed_bytes b"";
    }

    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.note("()");
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(mut self, name: &'static str, visitor: V) -> Result<V::Value, Refused> {
        self.note(name);
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.note(format_args!("{name} = "));
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.note("optional ");
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.note("some of ");
        visitor.visit_seq(Items { reader: self, names: &[], left: 1 })
    }

    fn deserialize_tuple<V: Visitor<'de>>(mut self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        let mut text = String::new();
        let items = Reader { text: &mut text, enums: self.enums };
        let value = visitor.visit_seq(Items { reader: items, names: &[], left: len })?;
        let items: Vec<&str> = text.split('\0').filter(|item| !item.is_empty()).collect();
        match items.split_first() {
            Some((first, rest)) if rest.len() > 1 && rest.iter().all(|item| item == first) => {
                self.note(format_args!("[{first}; {len}]"))
            }
            _ => self.note(format_args!("({})", items.join(", "))),
        }
        Ok(value)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.note(format_args!("{name} "));
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.note("pairs of ");
        visitor.visit_map(Items { reader: self, names: &[], left: 1 })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let mut text = String::new();
        let items = Reader { text: &mut text, enums: self.enums };
        let value = visitor.visit_seq(Items { reader: items, names: fields, left: fields.len() })?;
        let fields: Vec<&str> = text.split('\0').filter(|item| !item.is_empty()).collect();
        self.note(format_args!("{name} {{ {} }}", fields.join(", ")));
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.note(name);
        let key = (name, variants);
        let next = self.enums.0.get(&key).map_or(0, Vec::len);
        let is_new = next < variants.len();
        let variant = if is_new { next } else { 0 };
        let mut text = variants[variant].to_owned();
        if is_new {
            // reserved before what is in it is read
            self.enums.0.entry(key).or_default().push(String::new());
        }
        let value = visitor
            .visit_enum(Variant { reader: Reader { text: &mut text, enums: self.enums }, number: variant as u32 })?;
        if is_new {
            self.enums.0.get_mut(&key).expect("it was reserved")[variant] = text;
        }
        Ok(value)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        Err(Refused("a name is asked for, which is not saved".to_owned()))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        Err(Refused("it asks what follows, which is not saved".to_owned()))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        Err(Refused("it skips what follows, whose length is not saved".to_owned()))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Items of a type, which may have names.
struct Items<'a> {
    reader: Reader<'a>,
    names: &'static [&'static str],
    left: usize,
}

impl Items<'_> {
    fn read<'de, T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Refused> {
        let Reader { text, enums } = &mut self.reader;
        seed.deserialize(Reader { text, enums })
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        if let Some(name) = self.names.get(self.names.len().wrapping_sub(self.left)) {
            self.reader.note(format_args!("{name}: "));
        }
        self.left = left;
        let value = self.read(seed)?;
        // whoever asked puts something better between them
        if left > 0 {
            self.reader.note('\0');
        }
        Ok(Some(value))
    }
}

impl<'de> MapAccess<'de> for Items<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        self.read(seed).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        self.reader.note(" and ");
        self.read(seed)
    }
}

/// A variant of an enum.
struct Variant<'a> {
    reader: Reader<'a>,
    number: u32,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Refused;
    type Variant = Reader<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Reader<'a>), Refused> {
        let number: U32Deserializer<Refused> = self.number.into_deserializer();
        Ok((seed.deserialize(number)?, self.reader))
    }
}

impl<'de> VariantAccess<'de> for Reader<'_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(mut self, seed: T) -> Result<T::Value, Refused> {
        self.note(" = ");
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(mut self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        self.note(' ');
        self.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        mut self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.note(' ');
        self.deserialize_struct("", fields, visitor)
    }
}
