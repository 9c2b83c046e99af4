//! `--stat`: a small hypervisor, of which it is known how often its guest is left, and why.

#[allow(dead_code, reason = "each test uses its part")]
mod common;

use std::path::Path;

use common::{Programs, say_of};
use serde_json::Value;

const LIMIT: &[&str] = &["--timeout", "60s"];

fn stat(engine: &str, file: &Path) -> Value {
    let said = say_of(&["run", "--stat=-", "--engine", engine, "--kernel"], file, LIMIT);
    assert_eq!(said.status, Some(0), "{}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

fn rows<'a>(part: &'a Value, name: &str) -> &'a Vec<Value> {
    part[name].as_array().unwrap()
}

fn sum(rows: &[Value], name: &str) -> u64 {
    rows.iter().map(|row| row[name].as_u64().unwrap()).sum()
}

#[test]
fn exits_are_counted_by_reason() {
    let programs = Programs::new();
    let file = programs.assemble("hypervisor", &[], 0x8020_0000);
    for engine in ["jit", "interp"] {
        let report = stat(engine, &file);
        let exits = rows(&report["total"], "exits");
        let row = |row: &Value| {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            let number = |name: &str| row[name].as_u64().unwrap();
            (number("cause"), text("about"), number("count"), number("to_user"), number("re_entered"))
        };
        let found: Vec<_> = exits.iter().map(row).collect();
        let reason =
            |cause, about: &str, count, to_user, re_entered| (cause, about.to_owned(), count, to_user, re_entered);
        let expected = [
            reason(10, "sbi_probe_extension", 5, 0, 5),
            reason(10, "SBI Base function 9", 2, 2, 2),
            reason(10, "sbi_system_reset", 1, 0, 0),
            reason(21, "virtio0", 3, 0, 3),
            reason(21, "page mapped", 1, 0, 1),
            reason(22, "wfi", 2, 0, 2),
        ];
        assert_eq!(found, expected, "{engine}");
        assert!(exits.iter().all(|exit| exit["vmid"] == 5), "{engine}");
        assert_eq!(report["total"]["entries"], 14, "{engine}");
        // from the handler's first instruction to its SRET
        let probe = &exits[0]["instructions"];
        assert_eq!((probe["mean"].as_f64(), probe["sum"].as_f64()), (Some(14.0), Some(70.0)), "{engine}");
    }
}

#[test]
fn worlds_add_up_to_all_instructions() {
    let programs = Programs::new();
    let file = programs.assemble("hypervisor", &[], 0x8020_0000);
    let by_engine = ["jit", "interp"].map(|engine| {
        let total = &stat(engine, &file)["total"];
        let worlds = rows(total, "worlds");
        assert_eq!(sum(worlds, "instructions"), total["instructions"].as_u64().unwrap(), "{engine}");
        assert_eq!(total["sbi_calls"][0]["name"], "sbi_system_reset", "{engine}");
        worlds
            .iter()
            .map(|row| (row["mode"].clone(), row["vmid"].clone(), row["instructions"].clone()))
            .collect::<Vec<_>>()
    });
    // behind the call that powers off, HS-mode loops until the machine has stopped
    let guests = by_engine.each_ref().map(|worlds| worlds.iter().filter(|world| world.0 != "HS").collect::<Vec<_>>());
    assert_eq!(guests[0], guests[1]);
    assert_eq!(guests[0].iter().map(|world| world.0.as_str().unwrap()).collect::<Vec<_>>(), ["U", "VS"]);
    // two ecalls of U-mode do not retire
    assert_eq!(guests[0][0].2, 0);
}

#[test]
fn harts_add_up_to_the_total() {
    let programs = Programs::new();
    let file = programs.assemble("sbi", &[], 0x8020_0000);
    let said = say_of(&["run", "--harts", "2", "--stat=/dev/stdout", "--serial", "null", "--kernel"], &file, LIMIT);
    let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|why| panic!("{why}: {}{}", said.out, said.err));
    let harts = report["harts"].as_array().unwrap();
    assert_eq!((harts.len(), sum(harts, "instructions")), (2, report["total"]["instructions"].as_u64().unwrap()));
    for hart in harts {
        assert_eq!(sum(rows(hart, "worlds"), "instructions"), hart["instructions"].as_u64().unwrap());
    }
    let calls = rows(&harts[1], "sbi_calls");
    assert_eq!((calls.len(), calls[0]["name"].as_str()), (1, Some("sbi_hart_stop")));
}

#[test]
fn devices_are_counted_with_what_they_do_by_themselves() {
    let programs = Programs::new();
    let words = ["run", "--firmware", "none", "--rng", "bus=virtio-mmio-bus.0", "--stat=-", "--kernel"];
    let said = say_of(&words, &programs.bare("rng", &[]), LIMIT);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let of_part = |part: &Value| {
        let device = rows(part, "devices").iter().find(|device| device["name"] == "virtio0").unwrap();
        ["writes", "completed", "bytes", "interrupts"].map(|name| device[name].as_u64().unwrap())
    };
    assert_eq!(of_part(&report["total"]), [12, 1, 16, 1]);
    assert_eq!(of_part(&report["harts"][0]), [12, 0, 0, 0], "they are no hart's");
}

#[test]
fn what_a_program_does_between_its_marks_is_counted_apart() {
    let programs = Programs::new();
    let file = programs.assemble("marks", &[], 0x8020_0000);
    for engine in ["jit", "interp"] {
        let report = stat(engine, &file);
        let windows = rows(&report, "windows");
        assert_eq!((windows.len(), report["marks_ignored"].as_u64()), (1, Some(2)), "{engine}");
        let window = &windows[0];
        assert_eq!((window["mark"].as_str(), window["times"].as_u64()), (Some("loop"), Some(2)), "{engine}");
        let world = |row: &Value| (row["mode"].as_str().unwrap().to_owned(), row["instructions"].as_u64().unwrap());
        let worlds: Vec<_> = rows(&window["counts"], "worlds").iter().map(world).collect();
        assert_eq!(worlds, [("HS".to_owned(), 2 * 5), ("U".to_owned(), 2 * 22)], "{engine}");
        assert_eq!(window["counts"]["instructions"], 2 * 27, "{engine}");
        assert_eq!(sum(rows(&window["counts"], "exceptions"), "count"), 2, "{engine}");
        let walks = rows(window, "walks");
        assert!(walks[0]["mode"] == "U" && walks[0]["count"].as_u64() >= Some(1), "{engine}: {walks:?}");
        assert!(window["processor_us"].as_f64() >= Some(0.0), "{engine}");
        let schema: Value = serde_json::from_str(include_str!("../../../docs/stat.schema.json")).unwrap();
        assert_eq!(check(&report, &schema, &schema), None, "{engine}");
    }
}

#[test]
fn the_schema_describes_what_is_written() {
    let programs = Programs::new();
    let report = stat("jit", &programs.assemble("hypervisor", &[], 0x8020_0000));
    let schema: Value = serde_json::from_str(include_str!("../../../docs/stat.schema.json")).unwrap();
    assert_eq!(check(&report, &schema, &schema), None);
    let mut wrong = report.clone();
    wrong["total"]["exits"][0]["count"] = "many".into();
    assert!(check(&wrong, &schema, &schema).is_some());
}

/// What is wrong with a value, by the part of JSON Schema that the schema uses.
fn check(value: &Value, schema: &Value, root: &Value) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        return check(value, &root["$defs"][name.strip_prefix("#/$defs/").unwrap()], root);
    }
    let fits = |name: &Value| match name.as_str().unwrap() {
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other}"),
    };
    let of_type = match &schema["type"] {
        Value::Null => true,
        Value::Array(any) => any.iter().any(fits),
        one => fits(one),
    };
    let listed = schema["enum"].as_array().is_none_or(|list| list.contains(value));
    if !of_type || !listed || !schema["const"].is_null() && &schema["const"] != value {
        return Some(format!("{value} is not {schema}"));
    }
    let missing =
        schema["required"].as_array().into_iter().flatten().find(|name| value.get(name.as_str().unwrap()).is_none());
    if let Some(name) = missing {
        return Some(format!("there is no {name}"));
    }
    let members = value.as_object().into_iter().flatten().find_map(|(name, member)| {
        let known =
            [&schema["properties"][name], &schema["additionalProperties"]].into_iter().find(|known| known.is_object());
        known.map_or_else(|| Some(format!("{name} is not described")), |schema| check(member, schema, root))
    });
    let items = || value.as_array().into_iter().flatten().find_map(|item| check(item, &schema["items"], root));
    members.or_else(items)
}

#[test]
fn the_table_names_worlds_and_reasons() {
    let programs = Programs::new();
    let file = programs.assemble("hypervisor", &[], 0x8020_0000);
    let said = say_of(&["stat", "run", "--kernel"], &file, LIMIT);
    assert_eq!((said.status, said.out.as_str()), (Some(0), ""));
    for words in [
        "VS, VMID 5",
        "load guest-page fault: virtio0",
        "virtual instruction: wfi",
        "ecall from VS-mode: SBI Base function 9",
        "14 entries",
    ] {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
}

#[test]
fn whoever_watches_changes_nothing() {
    let programs = Programs::new();
    let file = programs.assemble("hypervisor", &[], 0x8020_0000);
    for engine in ["jit", "interp"] {
        let digests = |more: &[&str]| {
            let words = [&["run", "--deterministic", "--engine", engine], more, &["--kernel"]].concat();
            let said = say_of(&words, &file, LIMIT);
            said.err
                .lines()
                .filter(|line| line.contains("digest") || line.contains("state"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let plain = digests(&[]);
        assert!(!plain.is_empty());
        assert_eq!(digests(&["--stat=/dev/null"]), plain, "{engine}");
    }
}

#[test]
fn where_nothing_can_be_counted_that_is_said() {
    let programs = Programs::new();
    let file = programs.assemble("hypervisor", &[], 0x8020_0000);
    let said = say_of(&["run", "--max-instructions", "9", "--engine", "kvm", "--kernel"], &file, LIMIT);
    assert_eq!(said.status, Some(2));
    assert!(said.err.contains("--max-instructions needs jit or interp"), "{}", said.err);
    let said = say_of(&["run", "--stat=/nowhere/at/all", "--kernel"], &file, LIMIT);
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("'/nowhere/at/all'"), "{}", said.err);
}
