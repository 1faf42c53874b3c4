// A contender (src/peers/mod.rs): npm's `consul` with its own watch().
"use strict";

const Consul = require("consul");

const [what, address, name] = process.argv.slice(2);
const [host, port] = address.split(":");
const consul = new Consul({ host, port: Number(port) });

function begin() {
  const options = { key: name, wait: "300s" };
  if (what === "prefix") options.recurse = true;
  const watch = consul.watch({ method: consul.kv.get, options });
  watch.on("change", (data) => {
    const at = process.hrtime.bigint();
    const pairs = what === "prefix" ? data : [data];
    const last = pairs.reduce((a, b) => (b.ModifyIndex > a.ModifyIndex ? b : a));
    process.stdout.write(`seen ${parseInt(last.Value, 10)} ${at}\n`);
  });
  watch.on("error", (error) => console.error(`npm consul: ${error.message}`));
}

process.stdin.once("data", begin);
process.stdin.on("end", () => process.exit(0));
process.stdout.write("idle\n");
