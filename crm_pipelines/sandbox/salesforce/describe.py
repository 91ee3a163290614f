"""What the describe resources say about objects and fields."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from crm_pipelines.sandbox.salesforce.answers import json_answer, not_found
from crm_pipelines.sandbox.salesforce.company import Company
from crm_pipelines.sandbox.salesforce.door import Call
from crm_pipelines.sandbox.salesforce.schema.fields import COMPOUNDS, NUMBERS, Field
from crm_pipelines.sandbox.salesforce.schema.objects import SObject

_SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "time": "xsd:time",
    "base64": "xsd:base64Binary",
    "address": "urn:address",
    "location": "urn:location",
}


class Describe:
    """The metadata resources."""

    def __init__(self, company: Company) -> None:
        self._company = company

    def everything(self, call: Call) -> Response:
        """``/sobjects``."""
        shown = [outline(each, call.base) for each in self._company.catalog]
        return json_answer({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": shown})

    def one(self, call: Call) -> Response:
        """``/sobjects/X/describe``."""
        sobject = self._find(call)
        return json_answer(self._whole(sobject, call.base))

    def basics(self, call: Call) -> Response:
        """``/sobjects/X``: the outline with recently seen records, of which there are none."""
        shown = outline(self._find(call), call.base)
        return json_answer({"objectDescribe": shown, "recentItems": []})

    def _find(self, call: Call) -> SObject:
        found = self._company.catalog.look_up(call.part("sobject"))
        if found is None:
            raise not_found()
        return found

    def _whole(self, sobject: SObject, base: str) -> dict[str, Any]:
        children = [
            {
                "cascadeDelete": cascade,
                "childSObject": child.name,
                "deprecatedAndHidden": False,
                "field": field,
                "junctionIdListNames": [],
                "junctionReferenceTo": [],
                "relationshipName": name,
                "restrictedDelete": False,
            }
            for child, field, name, cascade in self._company.catalog.children(sobject)
        ]
        return {
            **outline(sobject, base),
            "actionOverrides": [],
            "childRelationships": children,
            "compactLayoutable": True,
            "fields": [shown_field(field, sobject) for field in sobject.fields],
            "listviewable": None,
            "lookupLayoutable": None,
            "namedLayoutInfos": [],
            "networkScopeFieldName": None,
            "recordTypeInfos": [
                {
                    "active": True,
                    "available": True,
                    "defaultRecordTypeMapping": True,
                    "developerName": "Master",
                    "master": True,
                    "name": "Master",
                    "recordTypeId": "012000000000000AAA",
                }
            ],
            "searchLayoutable": True,
            "supportedScopes": [{"label": f"All {sobject.plural}", "name": "everything"}],
        }


def outline(sobject: SObject, base: str) -> dict[str, Any]:
    """An object without its fields."""
    root = f"{base}/sobjects/{sobject.name}"
    return {
        "activateable": False,
        "createable": sobject.writable,
        "custom": sobject.custom,
        "customSetting": False,
        "deletable": sobject.deletable,
        "deprecatedAndHidden": False,
        "feedEnabled": False,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": sobject.prefix,
        "label": sobject.label or sobject.name,
        "labelPlural": sobject.plural,
        "layoutable": sobject.writable,
        "mergeable": sobject.mergeable,
        "mruEnabled": sobject.writable,
        "name": sobject.name,
        "queryable": True,
        "replicateable": True,
        "retrieveable": True,
        "searchable": sobject.writable,
        "triggerable": sobject.writable,
        "undeletable": sobject.deletable,
        "updateable": sobject.writable,
        "urls": {
            "sobject": root,
            "describe": f"{root}/describe",
            "rowTemplate": f"{root}/{{ID}}",
        },
    }


def shown_field(field: Field, sobject: SObject) -> dict[str, Any]:
    """A field as describe shows it."""
    long = field.type == "textarea" and field.length > 255
    findable = not long and field.type not in COMPOUNDS | {"base64"}
    numeric = field.type in NUMBERS and field.type != "int"
    return {
        **_traits(field, sobject),
        "aggregatable": findable and field.type != "boolean",
        "autoNumber": False,
        "byteLength": field.length * 3 if field.type not in {"id", "reference"} else 18,
        "calculated": bool(field.formula_text),
        "calculatedFormula": field.formula_text or None,
        "compoundFieldName": field.compound,
        "createable": field.createable and field.type != "id",
        "custom": field.custom,
        "digits": field.precision if field.type == "int" else 0,
        "externalId": field.external_id,
        "filterable": findable,
        "groupable": findable and not numeric and field.type not in {"datetime", "time"},
        "idLookup": field.type == "id" or field.external_id or field.unique,
        "label": field.title,
        "length": field.length,
        "name": field.name,
        "nameField": field.name == sobject.name_field,
        "namePointing": len(field.refers_to) > 1,
        "nillable": field.nillable,
        "picklistValues": [
            {"active": True, "defaultValue": False, "label": v, "validFor": None, "value": v}
            for v in field.values
        ],
        "precision": field.precision if numeric else 0,
        "referenceTo": list(field.refers_to),
        "relationshipName": field.relationship,
        "restrictedPicklist": field.restricted,
        "scale": field.scale,
        "soapType": _SOAP_TYPES.get(field.type, "xsd:string"),
        "sortable": findable and field.type != "multipicklist",
        "type": field.type,
        "unique": field.unique,
        "updateable": field.updateable and field.type != "id",
    }


def _traits(field: Field, sobject: SObject) -> dict[str, Any]:
    """What is the same for nearly every field."""
    lasting = {"cascadeDelete": field.cascade, "caseSensitive": False, "controllerName": None}
    default = None if field.default is None else field.default == "true"
    return {
        **lasting,
        "aiPredictionField": False,
        "defaultValue": default if field.type == "boolean" else field.default,
        "defaultValueFormula": None,
        "defaultedOnCreate": field.default is not None or field.name == "OwnerId",
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "displayLocationInDecimal": field.type == "location",
        "encrypted": False,
        "extraTypeInfo": "personname" if field.name == "Name" and "lastname" in sobject.by_name
        else "plaintextarea" if field.type == "textarea" else None,
        "filteredLookupInfo": None,
        "formulaTreatNullNumberAsZero": False,
        "highScaleNumber": False,
        "htmlFormatted": False,
        "inlineHelpText": None,
        "mask": None,
        "maskType": None,
        "permissionable": field.custom and field.nillable,
        "polymorphicForeignKey": len(field.refers_to) > 1,
        "queryByDistance": field.type in COMPOUNDS,
        "referenceTargetField": None,
        "relationshipOrder": None,
        "restrictedDelete": False,
        "searchPrefilterable": False,
        "writeRequiresMasterRead": False,
    }  # fmt: skip
