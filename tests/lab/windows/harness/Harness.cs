// Runs a C# probe as its PowerShell glue would: options as a dictionary in, the dictionary of Collect out, both as JSON.
//
//     dotnet Harness.dll PROBE.dll NAMESPACE.CLASS < options.json > result.json
//
// PROBE_GAPS names the DLL that fills Wine's gaps in this process (see ../gaps); without it the probe sees Wine as it is.
using System;
using System.Collections;
using System.Collections.Generic;
using System.IO;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

static class Harness
{
    static int Main(string[] arguments)
    {
        string gaps = Environment.GetEnvironmentVariable("PROBE_GAPS");
        if (!string.IsNullOrEmpty(gaps)) NativeLibrary.Load(gaps);
        string text = new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false)).ReadToEnd();
        IDictionary options = (IDictionary)Plain(JsonDocument.Parse(text).RootElement);
        MethodInfo collect = Assembly.LoadFrom(arguments[0]).GetType(arguments[1], true).GetMethod("Collect");
        object result;
        try
        {
            result = collect.Invoke(null, new object[] { options });
        }
        catch (TargetInvocationException failed)
        {
            Console.Error.WriteLine(failed.InnerException);
            return 1;
        }
        using (Stream output = Console.OpenStandardOutput())
        using (Utf8JsonWriter writer = new Utf8JsonWriter(output))
        {
            Write(writer, result);
        }
        return 0;
    }

    // JSON as the plain values that Ansible.Basic gives a module.
    static object Plain(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                Dictionary<string, object> dictionary = new Dictionary<string, object>();
                foreach (JsonProperty property in element.EnumerateObject()) dictionary[property.Name] = Plain(property.Value);
                return dictionary;
            case JsonValueKind.Array:
                List<object> list = new List<object>();
                foreach (JsonElement item in element.EnumerateArray()) list.Add(Plain(item));
                return list;
            case JsonValueKind.String: return element.GetString();
            case JsonValueKind.True: return true;
            case JsonValueKind.False: return false;
            case JsonValueKind.Number:
                long whole;
                if (element.TryGetInt64(out whole)) return whole <= int.MaxValue && whole >= int.MinValue ? (object)(int)whole : whole;
                return element.GetDouble();
            default: return null;
        }
    }

    // The types that a probe may return; any other is the probe's error.
    static void Write(Utf8JsonWriter writer, object value)
    {
        IDictionary dictionary = value as IDictionary;
        IList list = value as IList;
        if (value == null) writer.WriteNullValue();
        else if (value is string) writer.WriteStringValue((string)value);
        else if (value is bool) writer.WriteBooleanValue((bool)value);
        else if (value is int) writer.WriteNumberValue((int)value);
        else if (value is uint) writer.WriteNumberValue((uint)value);
        else if (value is long) writer.WriteNumberValue((long)value);
        else if (value is ulong) writer.WriteNumberValue((ulong)value);
        else if (value is double) writer.WriteNumberValue((double)value);
        else if (dictionary != null)
        {
            writer.WriteStartObject();
            foreach (DictionaryEntry entry in dictionary)
            {
                writer.WritePropertyName((string)entry.Key);
                Write(writer, entry.Value);
            }
            writer.WriteEndObject();
        }
        else if (list != null)
        {
            writer.WriteStartArray();
            foreach (object item in list) Write(writer, item);
            writer.WriteEndArray();
        }
        else throw new InvalidOperationException("A probe must not return a " + value.GetType());
    }
}
