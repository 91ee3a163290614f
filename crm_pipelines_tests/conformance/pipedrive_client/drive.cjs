// Usage: node drive.cjs BASE_URL SCENARIO < arguments as JSON
// Runs one scenario with the unmodified client and prints what came back, as JSON.
"use strict";

const { v1, v2 } = require("pipedrive");

const [, , base, scenario] = process.argv;
const TOKEN = "sandbox-token";

const modern = (Api, access) => new Api(new v2.Configuration({ basePath: `${base}/api/v2`, ...access }));
const classic = (Api, access) => new Api(new v1.Configuration({ basePath: `${base}/v1`, ...access }));
const byToken = { apiKey: TOKEN };

async function everyPage(list, query) {
  const pages = [];
  let cursor;
  do {
    const answer = await list({ ...query, cursor });
    pages.push(answer.data);
    cursor = answer.additional_data.next_cursor;
  } while (cursor);
  return pages;
}

const scenarios = {
  async lists({ query }) {
    const access = byToken;
    const persons = modern(v2.PersonsApi, access);
    const organizations = modern(v2.OrganizationsApi, access);
    const deals = modern(v2.DealsApi, access);
    const activities = modern(v2.ActivitiesApi, access);
    const products = modern(v2.ProductsApi, access);
    return {
      persons: await everyPage((q) => persons.getPersons(q), query),
      organizations: await everyPage((q) => organizations.getOrganizations(q), query),
      deals: await everyPage((q) => deals.getDeals(q), query),
      archived: await everyPage((q) => deals.getArchivedDeals(q), query),
      activities: await everyPage((q) => activities.getActivities(q), query),
      products: await everyPage((q) => products.getProducts(q), query),
      pipelines: await everyPage((q) => modern(v2.PipelinesApi, access).getPipelines(q), {}),
      stages: await everyPage((q) => modern(v2.StagesApi, access).getStages(q), { limit: 4 }),
    };
  },

  async filtered({ query }) {
    return (await modern(v2.PersonsApi, byToken).getPersons(query)).data;
  },

  async persons({ create, change }) {
    const api = modern(v2.PersonsApi, byToken);
    const made = (await api.addPerson({ AddPersonRequest: create })).data;
    const changed = (await api.updatePerson({ id: made.id, UpdatePersonRequest: change })).data;
    const got = (await api.getPerson({ id: made.id })).data;
    const search = await api.searchPersons({
      term: create.emails[0].value,
      fields: "email",
      exact_match: true,
    });
    const removed = (await api.deletePerson({ id: made.id })).data;
    const missing = await api.getPerson({ id: made.id }).catch((error) => error);
    return { made, changed, got, found: search.data.items, removed, missing };
  },

  async others() {
    const organizations = modern(v2.OrganizationsApi, byToken);
    const deals = modern(v2.DealsApi, byToken);
    const activities = modern(v2.ActivitiesApi, byToken);
    const org = (await organizations.addOrganization({ AddOrganizationRequest: { name: "Conform Ltd" } })).data;
    const deal = (await deals.addDeal({ AddDealRequest: { title: "Conform deal", org_id: org.id, value: 12.5 } })).data;
    const won = (await deals.updateDeal({ id: deal.id, UpdateDealRequest: { status: "won" } })).data;
    const activity = (
      await activities.addActivity({
        AddActivityRequest: { subject: "Call", type: "call", deal_id: deal.id, participants: [{ person_id: 1, primary: true }] },
      })
    ).data;
    const done = (await activities.updateActivity({ id: activity.id, AddActivityRequest: { done: true } })).data;
    const dealsFound = (await deals.searchDeals({ term: "conform" })).data.items;
    const items = (await modern(v2.ItemSearchApi, byToken).searchItem({ term: "conform", item_types: "organization" })).data;
    return { org, deal, won, activity, done, dealsFound, items };
  },

  async fields({ create }) {
    const api = modern(v2.PersonFieldsApi, byToken);
    const pages = await everyPage((q) => api.getPersonFields(q), { limit: 10 });
    const made = (await api.addPersonField({ AddPersonFieldRequest: create })).data;
    const options = (
      await api.addPersonFieldOptions({
        field_code: made.field_code,
        AddDealFieldOptionsRequestInner: [{ label: "Gold" }],
      })
    ).data;
    const got = (await api.getPersonField({ field_code: made.field_code })).data;
    const byField = await modern(v2.ItemSearchApi, byToken).searchItemByField({
      term: "nothing has this",
      entity_type: "person",
      field: pages.flat().find((f) => f.is_custom_field && f.field_type === "varchar").field_code,
      match: "exact",
    });
    return {
      pages,
      made,
      options,
      got,
      byField: byField.data,
      deals: (await modern(v2.DealFieldsApi, byToken).getDealFields({ limit: 500 })).data,
      organizations: (await modern(v2.OrganizationFieldsApi, byToken).getOrganizationFields({ limit: 500 })).data,
    };
  },

  async old() {
    const users = classic(v1.UsersApi, byToken);
    const webhooks = classic(v1.WebhooksApi, byToken);
    const hook = (
      await webhooks.addWebhook({
        AddWebhookRequest: {
          subscription_url: "http://127.0.0.1:9/in",
          event_action: "change",
          event_object: "person",
          name: "Conformance",
        },
      })
    ).data;
    const hooks = (await webhooks.getWebhooks()).data;
    await webhooks.deleteWebhook({ id: hook.id });
    return {
      users: (await users.getUsers()).data,
      me: (await users.getCurrentUser()).data,
      found: (await users.findUsersByName({ term: "user3@", search_by_email: 1 })).data,
      hook,
      hooks,
      hooksAfter: (await webhooks.getWebhooks()).data,
      currencies: (await classic(v1.CurrenciesApi, byToken).getCurrencies()).data,
      types: (await classic(v1.ActivityTypesApi, byToken).getActivityTypes()).data,
      leads: (await classic(v1.LeadsApi, byToken).getLeads({ limit: 5 })).data,
      notes: (await classic(v1.NotesApi, byToken).getNotes({ limit: 5 })).data,
      filters: (await classic(v1.FiltersApi, byToken).getFilters({ type: "deals" })).data,
      merged: (await classic(v1.PersonsApi, byToken).mergePersons({ id: 5, MergePersonsRequest: { merge_with_id: 6 } })).data,
    };
  },

  async refused() {
    const caught = (promise) => promise.then(() => null, (error) => error);
    return {
      token: await caught(modern(v2.PersonsApi, { apiKey: "wrong" }).getPersons()),
      limit: await caught(modern(v2.PersonsApi, byToken).getPersons({ limit: 501 })),
      body: await caught(modern(v2.DealsApi, byToken).addDeal({ AddDealRequest: { title: "x", value: "1" } })),
    };
  },

  async oauth({ code, redirect }) {
    const oauth2 = new v2.OAuth2Configuration({
      clientId: "sandbox-client",
      clientSecret: "sandbox-secret",
      redirectUri: redirect,
      host: base,
    });
    const first = await oauth2.authorize(code);
    const configuration = new v2.Configuration({ accessToken: oauth2.getAccessToken, basePath: oauth2.basePath });
    const person = (await new v2.PersonsApi(configuration).getPerson({ id: 1 })).data;
    const second = await oauth2.tokenRefresh();
    const again = (await new v2.PersonsApi(configuration).getPerson({ id: 1 })).data;
    await oauth2.revokeToken("refresh_token");
    const revoked = await new v2.PersonsApi(configuration).getPerson({ id: 1 }).catch((error) => error);
    return { url: oauth2.authorizationUrl, basePath: oauth2.basePath, first, second, person, again, revoked };
  },
};

async function main() {
  let text = "";
  for await (const piece of process.stdin) text += piece;
  process.stdout.write(JSON.stringify(await scenarios[scenario](JSON.parse(text || "{}"))));
}

main().catch((error) => {
  process.stderr.write(`${error.stack || JSON.stringify(error)}\n`);
  process.exit(1);
});
