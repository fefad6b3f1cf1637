import { libchdbPath } from "chdb/libchdb";
import { DataType, load, open } from "ffi-rs";

/**
 * The embedded ClickHouse: `node embedded-server-process.ts DATA_DIR CONFIG_FILE PARENT_PID`, started by `embedded-server.ts`.
 *
 * libchdb exports the entry of clickhouse-local, which can listen on HTTP (`SYSTEM START LISTEN HTTP`); the statement after it
 * reads stdin for ever and so keeps the engine up until stdin ends. Undocumented: chdb is pinned, and the tests start it.
 */
const [dataDir, configFile, parentPid] = process.argv.slice(2);
if (dataDir === undefined || configFile === undefined || parentPid === undefined) {
  throw new Error("usage: embedded-server-process.ts DATA_DIR CONFIG_FILE PARENT_PID");
}
dieWithParent(Number(parentPid));
serve(dataDir, configFile);
process.exit(0);

/** Linux: the kernel ends this process with the thread that spawned it. Elsewhere the end of stdin does, some seconds later. */
function dieWithParent(expectedParentPid: number): void {
  if (process.platform === "linux") {
    const PR_SET_PDEATHSIG = 1;
    const SIGKILL = 9;
    open({ library: "c", path: "libc.so.6" });
    void load({
      library: "c",
      funcName: "prctl",
      retType: DataType.I32,
      paramsType: [DataType.I32, DataType.U64, DataType.U64, DataType.U64, DataType.U64],
      paramsValue: [PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0],
    });
  }
  // The parent may have died before the kernel was told.
  if (process.ppid !== expectedParentPid) process.exit(0);
}

function serve(path: string, config: string): void {
  open({ library: "chdb", path: libchdbPath({ env: {} }) });
  const args = [
    "clickhouse",
    "--path",
    path,
    `--config-file=${config}`,
    "--input-format",
    "LineAsString",
    "--structure",
    "line String",
    "--query",
    "SYSTEM START LISTEN HTTP; SELECT count() FROM table FORMAT Null",
  ];
  void load({
    library: "chdb",
    funcName: "chdb_query_cmdline",
    retType: DataType.External,
    paramsType: [DataType.I32, DataType.StringArray],
    paramsValue: [args.length, args],
  });
}
