"""A simulated Salesforce: REST, Bulk API 2.0, SOAP and OAuth logins over one company's data."""

from crm_pipelines.sandbox.salesforce.org import Salesforce

__all__ = ["Salesforce"]
