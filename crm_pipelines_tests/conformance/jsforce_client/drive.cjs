// Scenarios with the unmodified client; each prints one JSON value.
"use strict";

const { Connection } = require("jsforce");
const { QueryJobV2 } = require("jsforce/lib/api/bulk2");

const [url, scenario] = process.argv.slice(2);
const version = "64.0";
const app = { loginUrl: url, clientId: "sandbox-client", clientSecret: "sandbox-secret" };
const user = "sandbox@example.com";
const password = "sandbox-passwordsandboxtoken";

async function connected() {
  const conn = new Connection({ oauth2: app, instanceUrl: url, version });
  await conn.authorize({ grant_type: "client_credentials" });
  return conn;
}

const scenarios = {
  async soap() {
    const conn = new Connection({ loginUrl: url, version });
    const info = await conn.login(user, password);
    const first = await conn.query("SELECT Id FROM User ORDER BY Id LIMIT 1");
    const { instanceUrl: instance, accessToken } = conn;
    await conn.logout();
    const old = new Connection({ instanceUrl: url, accessToken, version });
    const after = await old.query("SELECT Id FROM User").catch((error) => error.errorCode);
    return { info, instance, first: first.records[0].Id, after };
  },

  async soapRefused() {
    const conn = new Connection({ loginUrl: url, version });
    return conn.login(user, "wrong").catch((error) => ({ code: error.errorCode, message: error.message }));
  },

  async password() {
    const conn = new Connection({ oauth2: app, version });
    const info = await conn.login(user, password);
    return { info, identity: await conn.identity() };
  },

  async assertion(given) {
    const conn = new Connection({ oauth2: app, instanceUrl: url, version });
    await conn.authorize({
      grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
      assertion: given.assertion,
    });
    return (await conn.query("SELECT COUNT() FROM Contact")).totalSize;
  },

  async metadata() {
    const conn = await connected();
    const contact = await conn.sobject("Contact").describe();
    const all = await conn.describeGlobal();
    const limits = await conn.limits();
    return {
      fields: contact.fields.map((field) => field.name),
      objects: all.sobjects.map((each) => each.name),
      daily: limits.DailyApiRequests,
      usage: conn.limitInfo.apiUsage,
    };
  },

  async queries() {
    const conn = await connected();
    let page = await conn.query("SELECT Id, LastName, Account.Name FROM Contact");
    const pages = [page.records.length];
    const records = [...page.records];
    while (!page.done) {
      page = await conn.queryMore(page.nextRecordsUrl);
      pages.push(page.records.length);
      records.push(...page.records);
    }
    const fetched = await conn
      .query("SELECT Id FROM Contact")
      .run({ autoFetch: true, maxFetch: 10000 });
    const all = await conn.query("SELECT Id, IsDeleted FROM Contact WHERE IsDeleted = true", {
      scanAll: true,
    });
    return {
      pages,
      records: records.map((r) => [r.Id, r.LastName, r.Account && r.Account.Name]),
      fetched: fetched.records.length,
      deleted: all.records.map((r) => r.Id),
    };
  },

  async records() {
    const conn = await connected();
    const contacts = conn.sobject("Contact");
    const made = await contacts.create({ LastName: "Made", External_Id__c: "J-1", npi__c: "0012345678" });
    await contacts.update({ Id: made.id, FirstName: "Mai", DoNotCall: true });
    const read = await contacts.retrieve(made.id);
    const again = await contacts.upsert({ External_Id__c: "J-1", Title: "Dr." }, "External_Id__c");
    const fresh = await contacts.upsert({ External_Id__c: "J-2", LastName: "Fresh" }, "External_Id__c");
    const several = await contacts.create([{ LastName: "One" }, { FirstName: "No last name" }]);
    const many = await contacts.upsert(
      [
        { External_Id__c: "J-2", Title: "RN" },
        { External_Id__c: "J-3", LastName: "Third" },
      ],
      "External_Id__c",
    );
    const start = new Date(Date.now() - 3600 * 1000).toISOString();
    const end = new Date(Date.now() + 3600 * 1000).toISOString();
    await contacts.destroy(fresh.id);
    const deleted = await contacts.deleted(start, end);
    const updated = await contacts.updated(start, end);
    const refused = await contacts.retrieve(fresh.id).catch((error) => error.errorCode);
    return {
      ids: { made: made.id, fresh: fresh.id, third: many[1].id },
      read: [read.FirstName, read.DoNotCall, read.npi__c],
      again,
      several,
      many,
      deleted: deleted.deletedRecords.map((each) => each.id),
      updated: updated.ids,
      refused,
    };
  },

  async bulkQuery() {
    const conn = await connected();
    const stream = await conn.bulk2.query("SELECT Id, LastName, Description FROM Contact");
    return stream.toArray();
  },

  // result() of this client cannot read more than one page, so the pages are asked for one by one
  async bulkPages() {
    const conn = await connected();
    const job = new QueryJobV2(conn, {
      bodyParams: { query: "SELECT Id FROM Contact", operation: "query" },
      pollingOptions: conn.bulk2,
    });
    await job.open();
    await job.poll(50, 20000);
    const pages = [];
    let locator = "";
    while (locator !== "null" && pages.length < 50) {
      const place = locator ? `&locator=${locator}` : "";
      pages.push(
        await job.createQueryRequest({
          method: "GET",
          path: `/${job.id}/results?maxRecords=110${place}`,
          headers: { Accept: "text/csv" },
          responseType: "text/csv",
        }),
      );
      locator = job.locator;
    }
    const info = await job.check();
    await job.delete();
    return { pages, info };
  },

  async bulkUpsert(given) {
    const conn = await connected();
    return conn.bulk2.loadAndWaitForResults({
      object: "Contact",
      operation: "upsert",
      externalIdFieldName: "External_Id__c",
      input: given.rows,
      pollInterval: 50,
      pollTimeout: 20000,
    });
  },
};

let text = "";
process.stdin.on("data", (piece) => (text += piece));
process.stdin.on("end", async () => {
  try {
    process.stdout.write(JSON.stringify(await scenarios[scenario](JSON.parse(text || "{}"))));
  } catch (error) {
    process.stderr.write(String(error && error.stack ? error.stack : error));
    process.exitCode = 1;
  }
});
