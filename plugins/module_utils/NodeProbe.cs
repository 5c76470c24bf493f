// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
//
// What a Windows node is and has, as far as HostProcess containers need it. It reads; it starts nothing but
// `containerd --version` and `kubelet --version`; it judges nothing. What the system refuses is null, with an entry in
// `errors`.
//
// C# 5, so that Windows PowerShell 5.1 can compile it; warnings are errors there. Structures are read at their offsets
// in a 64-bit process (winsvc.h, sysinfoapi.h); a 32-bit process is refused.

using Microsoft.Win32;
using System;
using System.Collections;
using System.Collections.Generic;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;
using System.Threading;

namespace ansible_collections.kubewin.hostprocess.plugins.module_utils.NodeProbe
{
    /// <summary>The entry.</summary>
    public static class NodeProbe
    {
        /// <summary>Describe the node.</summary>
        /// <param name="options">
        /// containerd_directory, containerd_config_path, kubelet_directory, kubelet_config_path and files (paths to hash), environment variables
        /// allowed; directories to list; registry: keys (HKLM:\\...) to read; services beside the node's own;
        /// firewall_rules: their names; endpoints: servers to be reached. What the caller knows from CIM: windows_features,
        /// name to state, and dynamic_port_ranges; from netsh: excluded_port_lines, protocol to the lines of its table.
        /// </param>
        public static Dictionary<string, object> Collect(IDictionary options)
        {
            if (IntPtr.Size != 8)
            {
                throw new PlatformNotSupportedException(
                    "The node probe reads 64-bit structures and cannot run in a 32-bit process. " +
                    "Use the 64-bit PowerShell of the node.");
            }
            Errors errors = new Errors();
            Files files = new Files(errors);
            Services services = new Services(errors);
            Dictionary<string, object> node = new Dictionary<string, object>();
            node["computer_name"] = Environment.MachineName;
            node["os"] = OperatingSystem.Describe(errors);
            node["logical_processors"] = Native.GetActiveProcessorCount(Native.AllProcessorGroups);
            node["memory_bytes"] = Memory(errors);
            node["features"] = Features(options);
            node["pending_reboot"] = PendingReboot.Describe(errors);
            node["paths"] = Paths();
            node["path_environment"] = MachinePath(errors);
            node["services"] = services.Describe(ServiceNames(options));
            node["containerd"] = Containerd.Describe(options, services, files, errors);
            node["kubelet"] = Kubelet.Describe(options, services, files, errors);
            node["bindfltapi"] = File.Exists(Path.Combine(Environment.SystemDirectory, "bindfltapi.dll"));
            node["files"] = files.Describe(Options.List(options, "files"));
            node["directories"] = files.Entries(Options.List(options, "directories"));
            node["registry"] = RegistryKeys.Describe(Options.List(options, "registry"), errors);
            node["firewall_rules"] = Firewall.Describe(Options.List(options, "firewall_rules"), errors);
            node["dynamic_port_ranges"] = options["dynamic_port_ranges"];
            node["excluded_port_ranges"] = ExcludedPorts.Describe(options);
            node["volumes"] = Volumes.Describe(errors);
            node["endpoints"] = Endpoints.Describe(Options.List(options, "endpoints"));
            node["time"] = DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
            node["errors"] = errors.List;
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["node"] = node;
            return result;
        }

        /// <summary>The caller's features as they are; names that it did not ask for are not there.</summary>
        static Dictionary<string, object> Features(IDictionary options)
        {
            Dictionary<string, object> features = new Dictionary<string, object>();
            IDictionary given = options["windows_features"] as IDictionary;
            foreach (DictionaryEntry feature in given ?? new Hashtable())
            {
                features[(string)feature.Key] = Convert.ToString(feature.Value, CultureInfo.InvariantCulture);
            }
            return features;
        }

        static string[] ServiceNames(IDictionary options)
        {
            List<string> names = new List<string>(new[] { "containerd", "kubelet", "hns", "vmcompute" });
            names.AddRange(Options.List(options, "services"));
            return names.ToArray();
        }

        static Dictionary<string, object> Paths()
        {
            Dictionary<string, object> paths = new Dictionary<string, object>();
            paths["program_files"] = Environment.GetEnvironmentVariable("ProgramFiles");
            paths["program_data"] = Environment.GetEnvironmentVariable("ProgramData");
            paths["system_root"] = Environment.GetEnvironmentVariable("SystemRoot");
            paths["system_drive"] = Environment.GetEnvironmentVariable("SystemDrive");
            return paths;
        }

        /// <summary>The machine's PATH, as a new process gets it, not the one that this session began with.</summary>
        static List<object> MachinePath(Errors errors)
        {
            const string Key = "SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment";
            string path = Machine.Value(Key, "Path", errors) as string;
            if (path == null) { return null; }
            List<object> folders = new List<object>();
            foreach (string folder in path.Split(new[] { ';' }, StringSplitOptions.RemoveEmptyEntries)) { folders.Add(folder); }
            return folders;
        }

        /// <summary>MEMORYSTATUSEX ullTotalPhys.</summary>
        static object Memory(Errors errors)
        {
            byte[] status = new byte[64];
            BitConverter.GetBytes(status.Length).CopyTo(status, 0);
            if (Native.GlobalMemoryStatusEx(status)) { return BitConverter.ToUInt64(status, 8); }
            errors.AddLast("memory_bytes");
            return null;
        }
    }

    internal static class Options
    {
        public static string Path(IDictionary options, string key, string otherwise)
        {
            string text = Convert.ToString(options[key], CultureInfo.InvariantCulture);
            return Environment.ExpandEnvironmentVariables(string.IsNullOrEmpty(text) ? otherwise : text);
        }

        public static List<string> List(IDictionary options, string key)
        {
            List<string> items = new List<string>();
            object value = options[key];
            if (value is string) { items.Add((string)value); }
            else
            {
                foreach (object item in (value as IEnumerable) ?? new object[0])
                {
                    items.Add(Convert.ToString(item, CultureInfo.InvariantCulture));
                }
            }
            return items;
        }
    }

    /// <summary>What the system refused: the thing asked for, the Win32 error (null where there is none) and its text.</summary>
    internal sealed class Errors
    {
        public readonly List<object> List = new List<object>();

        public void Add(string what, int code)
        {
            Add(what, code, new Win32Exception(code).Message);
        }

        /// <summary>The last call's error; call it right after the P/Invoke.</summary>
        public void AddLast(string what)
        {
            Add(what, Marshal.GetLastWin32Error());
        }

        public void Add(string what, Exception failure)
        {
            Win32Exception win32 = failure as Win32Exception;
            bool fromWin32 = (failure.HResult & 0xFFFF0000) == 0x80070000;
            object code = win32 != null ? win32.NativeErrorCode : fromWin32 ? (object)(failure.HResult & 0xFFFF) : null;
            Add(what, code, failure.Message);
        }

        public void Add(string what, object code, string message)
        {
            Dictionary<string, object> error = new Dictionary<string, object>();
            error["what"] = what;
            error["win32_error"] = code;
            error["message"] = message;
            List.Add(error);
        }

        /// <summary>What file and process calls of the class library raise when the system refuses.</summary>
        public static bool IsRefusal(Exception failure)
        {
            return failure is IOException || failure is UnauthorizedAccessException || failure is Win32Exception
                || failure is System.Security.SecurityException || failure is ArgumentException
                || failure is NotSupportedException;
        }
    }

    /// <summary>HKEY_LOCAL_MACHINE, read only.</summary>
    internal static class Machine
    {
        /// <summary>A value, or null where the key or the value is not there.</summary>
        public static object Value(string key, string name, Errors errors)
        {
            try
            {
                using (RegistryKey opened = Registry.LocalMachine.OpenSubKey(key))
                {
                    return opened == null ? null : opened.GetValue(name);
                }
            }
            catch (Exception failure)
            {
                if (!Errors.IsRefusal(failure)) { throw; }
                errors.Add("HKLM\\" + key + "\\" + name, failure);
                return null;
            }
        }

        public static bool KeyExists(string key, Errors errors)
        {
            try
            {
                using (RegistryKey opened = Registry.LocalMachine.OpenSubKey(key)) { return opened != null; }
            }
            catch (Exception failure)
            {
                if (!Errors.IsRefusal(failure)) { throw; }
                errors.Add("HKLM\\" + key, failure);
                return false;
            }
        }
    }

    /// <summary>Keys of HKEY_LOCAL_MACHINE with their values, as ansible.windows.win_regedit names keys and types.</summary>
    internal static class RegistryKeys
    {
        const string Drive = "HKLM:\\";
        static readonly Dictionary<RegistryValueKind, string> Types = new Dictionary<RegistryValueKind, string>
        {
            { RegistryValueKind.String, "string" }, { RegistryValueKind.ExpandString, "expandstring" },
            { RegistryValueKind.Binary, "binary" }, { RegistryValueKind.DWord, "dword" },
            { RegistryValueKind.MultiString, "multistring" }, { RegistryValueKind.QWord, "qword" },
        };

        public static Dictionary<string, object> Describe(List<string> keys, Errors errors)
        {
            Dictionary<string, object> results = new Dictionary<string, object>();
            foreach (string key in keys) { results[key] = Describe(key, errors); }
            return results;
        }

        /// <summary>exists, and values: name to type and data. A key that is refused does not exist, with an error.</summary>
        static Dictionary<string, object> Describe(string key, Errors errors)
        {
            Dictionary<string, object> result = new Dictionary<string, object>(), values = new Dictionary<string, object>();
            result["exists"] = false;
            result["values"] = values;
            if (!key.StartsWith(Drive, StringComparison.OrdinalIgnoreCase))
            {
                errors.Add("registry key " + key, null, "Only keys below HKLM:\\ are read.");
                return result;
            }
            try
            {
                using (RegistryKey opened = Registry.LocalMachine.OpenSubKey(key.Substring(Drive.Length).TrimEnd('\\')))
                {
                    if (opened == null) { return result; }
                    result["exists"] = true;
                    foreach (string name in opened.GetValueNames()) { values[name] = Value(opened, name); }
                }
            }
            catch (Exception failure)
            {
                if (!Errors.IsRefusal(failure)) { throw; }
                errors.Add("registry key " + key, failure);
            }
            return result;
        }

        static Dictionary<string, object> Value(RegistryKey key, string name)
        {
            RegistryValueKind kind = key.GetValueKind(name);
            Dictionary<string, object> value = new Dictionary<string, object>();
            value["type"] = Types.ContainsKey(kind) ? Types[kind] : "none";
            value["data"] = Data(key.GetValue(name, null, RegistryValueOptions.DoNotExpandEnvironmentNames));
            return value;
        }

        /// <summary>Numbers without sign, bytes as hexadecimal digits.</summary>
        static object Data(object data)
        {
            if (data is int) { return (long)(uint)(int)data; }
            if (data is long) { return (ulong)(long)data; }
            if (data is byte[]) { return BitConverter.ToString((byte[])data).Replace("-", "").ToLowerInvariant(); }
            if (data is string[]) { return new List<object>((string[])data); }
            return data as string;
        }
    }

    /// <summary>
    /// Rules of the Windows firewall in its own words (MS-GPFAS 2.2.2.19), where it keeps the machine's own:
    /// "v2.30|Action=Allow|Active=TRUE|Dir=In|...|Name=...|".
    /// </summary>
    internal static class Firewall
    {
        const string Key = "SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy\\FirewallRules";

        /// <summary>Each name with its rules, of which there can be several.</summary>
        public static Dictionary<string, object> Describe(List<string> names, Errors errors)
        {
            Dictionary<string, object> results = new Dictionary<string, object>();
            if (names.Count == 0) { return results; }
            List<string> rules = Rules(errors);
            foreach (string name in names)
            {
                List<object> found = new List<object>();
                foreach (string rule in rules)
                {
                    if (rule.IndexOf("|Name=" + name + "|", StringComparison.OrdinalIgnoreCase) >= 0) { found.Add(rule); }
                }
                results[name] = found;
            }
            return results;
        }

        static List<string> Rules(Errors errors)
        {
            List<string> rules = new List<string>();
            try
            {
                using (RegistryKey opened = Registry.LocalMachine.OpenSubKey(Key))
                {
                    if (opened == null) { return rules; }
                    foreach (string id in opened.GetValueNames())
                    {
                        string rule = opened.GetValue(id) as string;
                        if (rule != null) { rules.Add(rule); }
                    }
                }
            }
            catch (Exception failure)
            {
                if (!Errors.IsRefusal(failure)) { throw; }
                errors.Add("firewall rules", failure);
            }
            return rules;
        }
    }

    /// <summary>Which Windows this is, by the registry: GetVersionEx answers by the caller's manifest.</summary>
    internal static class OperatingSystem
    {
        const string Key = "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion";

        public static Dictionary<string, object> Describe(Errors errors)
        {
            object major = Number("CurrentMajorVersionNumber", errors), minor = Number("CurrentMinorVersionNumber", errors);
            object build = Number("CurrentBuildNumber", errors), revision = Number("UBR", errors);
            Dictionary<string, object> os = new Dictionary<string, object>();
            os["product_name"] = Machine.Value(Key, "ProductName", errors);
            os["edition"] = Machine.Value(Key, "EditionID", errors);
            os["installation_type"] = Machine.Value(Key, "InstallationType", errors);
            os["build"] = build;
            os["revision"] = revision;
            os["version"] = major == null || build == null
                ? null
                : string.Format(CultureInfo.InvariantCulture, "{0}.{1}.{2}.{3}", major, minor ?? 0, build, revision ?? 0);
            return os;
        }

        static object Number(string name, Errors errors)
        {
            object value = Machine.Value(Key, name, errors);
            int number;
            return int.TryParse(Convert.ToString(value, CultureInfo.InvariantCulture), out number) ? (object)number : null;
        }
    }

    /// <summary>
    /// Ports that Windows gives to nobody who asks for any, from the lines of netsh's table: first port, last port, and a star
    /// where somebody has excluded them for good. Its words are translated, its rows are not.
    /// </summary>
    internal static class ExcludedPorts
    {
        static readonly Regex Row = new Regex("^\\s*(\\d{1,5})\\s+(\\d{1,5})\\s*(\\*?)\\s*$");

        public static Dictionary<string, object> Describe(IDictionary options)
        {
            IDictionary given = options["excluded_port_lines"] as IDictionary;
            if (given == null) { return null; }
            Dictionary<string, object> protocols = new Dictionary<string, object>();
            foreach (object protocol in given.Keys)
            {
                List<object> ranges = new List<object>();
                foreach (string line in Options.List(given, (string)protocol))
                {
                    Match row = Row.Match(line);
                    if (row.Success) { ranges.Add(Range(row)); }
                }
                protocols[(string)protocol] = ranges;
            }
            return protocols;
        }

        static Dictionary<string, object> Range(Match row)
        {
            int first = int.Parse(row.Groups[1].Value, CultureInfo.InvariantCulture);
            int last = int.Parse(row.Groups[2].Value, CultureInfo.InvariantCulture);
            Dictionary<string, object> range = new Dictionary<string, object>();
            range["start"] = first;
            range["count"] = last - first + 1;
            range["administered"] = row.Groups[3].Length > 0;
            return range;
        }
    }

    /// <summary>Windows' own markers of a reboot that is due.</summary>
    internal static class PendingReboot
    {
        const string Windows = "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\", Control = "SYSTEM\\CurrentControlSet\\Control\\";

        public static Dictionary<string, object> Describe(Errors errors)
        {
            string active = Machine.Value(Control + "ComputerName\\ActiveComputerName", "ComputerName", errors) as string;
            string next = Machine.Value(Control + "ComputerName\\ComputerName", "ComputerName", errors) as string;
            Array renames = Machine.Value(Control + "Session Manager", "PendingFileRenameOperations", errors) as Array;
            KeyValuePair<string, bool>[] markers =
            {
                Marker("component_based_servicing", Machine.KeyExists(Windows + "Component Based Servicing\\RebootPending", errors)),
                Marker("windows_update", Machine.KeyExists(Windows + "WindowsUpdate\\Auto Update\\RebootRequired", errors)),
                Marker("pending_file_rename_operations", renames != null && renames.Length > 0),
                Marker("computer_rename", active != null && next != null && !string.Equals(active, next, StringComparison.OrdinalIgnoreCase)),
            };
            List<object> reasons = new List<object>();
            foreach (KeyValuePair<string, bool> marker in markers)
            {
                if (marker.Value) { reasons.Add(marker.Key); }
            }
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["pending"] = reasons.Count > 0;
            result["reasons"] = reasons;
            return result;
        }

        static KeyValuePair<string, bool> Marker(string name, bool present)
        {
            return new KeyValuePair<string, bool>(name, present);
        }
    }

    /// <summary>Services, as the service manager keeps them.</summary>
    internal sealed class Services
    {
        const int FailureActions = 2, DelayedAutoStart = 3, FailureActionsFlag = 4, ServiceDoesNotExist = 1060;
        static readonly string[] States =
        {
            null, "stopped", "start_pending", "stop_pending", "running", "continue_pending", "pause_pending", "paused",
        };
        static readonly string[] StartModes = { "boot", "system", "auto", "manual", "disabled" };
        static readonly string[] ActionTypes = { "none", "restart", "reboot", "run_command" };

        readonly Errors errors;
        readonly Dictionary<string, object> described = new Dictionary<string, object>();

        public Services(Errors errors)
        {
            this.errors = errors;
        }

        /// <summary>Each name with its service, or null where there is none.</summary>
        public Dictionary<string, object> Describe(params string[] names)
        {
            const uint Connect = 0x1;
            foreach (string name in names) { described[name] = null; }
            IntPtr manager = Native.OpenSCManager(null, null, Connect);
            if (manager == IntPtr.Zero)
            {
                errors.AddLast("service manager");
                return described;
            }
            try
            {
                foreach (string name in names) { described[name] = Open(manager, name); }
            }
            finally
            {
                Native.CloseServiceHandle(manager);
            }
            return described;
        }

        /// <summary>The program of a described service: the first word of its command line, or null.</summary>
        public string Program(string name)
        {
            object service;
            if (!described.TryGetValue(name, out service) || service == null) { return null; }
            string commandLine = (string)((Dictionary<string, object>)service)["command_line"] ?? "";
            Match program = Regex.Match(commandLine, "^\\s*(?:\"(?<path>[^\"]+)\"|(?<path>.+?\\.exe)|(?<path>\\S+))", RegexOptions.IgnoreCase);
            return program.Success ? program.Groups["path"].Value : null;
        }

        Dictionary<string, object> Open(IntPtr manager, string name)
        {
            const uint QueryConfig = 0x1, QueryStatus = 0x4;
            IntPtr service = Native.OpenService(manager, name, QueryConfig | QueryStatus);
            if (service == IntPtr.Zero)
            {
                int code = Marshal.GetLastWin32Error();
                if (code != ServiceDoesNotExist) { errors.Add("service " + name, code); }
                return null;
            }
            try
            {
                Dictionary<string, object> result = new Dictionary<string, object>();
                result["name"] = name;
                AddConfiguration(service, name, result);
                AddStatus(service, name, result);
                result["failure_actions"] = Recovery(service, name);
                result["nssm"] = NonSuckingServiceManager(name);
                return result;
            }
            finally
            {
                Native.CloseServiceHandle(service);
            }
        }

        /// <summary>QUERY_SERVICE_CONFIGW.</summary>
        void AddConfiguration(IntPtr service, string name, Dictionary<string, object> result)
        {
            foreach (string key in new[] { "display_name", "start_mode", "account", "command_line", "dependencies" }) { result[key] = null; }
            const int Size = 8192;  // the documented maximum
            IntPtr buffer = Marshal.AllocHGlobal(Size);
            try
            {
                int needed;
                if (!Native.QueryServiceConfig(service, buffer, Size, out needed))
                {
                    errors.AddLast("configuration of service " + name);
                    return;
                }
                result["start_mode"] = StartMode(service, Marshal.ReadInt32(buffer, 4));
                result["command_line"] = Marshal.PtrToStringUni(Marshal.ReadIntPtr(buffer, 16));
                result["dependencies"] = Dependencies(name);
                result["account"] = Marshal.PtrToStringUni(Marshal.ReadIntPtr(buffer, 48));
                result["display_name"] = Marshal.PtrToStringUni(Marshal.ReadIntPtr(buffer, 56));
            }
            finally
            {
                Marshal.FreeHGlobal(buffer);
            }
        }

        static string StartMode(IntPtr service, int number)
        {
            string mode = Named(StartModes, number);
            return mode == "auto" && Flag(service, DelayedAutoStart) == true ? "delayed" : mode;
        }

        /// <summary>SERVICE_STATUS_PROCESS.</summary>
        void AddStatus(IntPtr service, string name, Dictionary<string, object> result)
        {
            byte[] status = new byte[36];
            int needed;
            bool answered = Native.QueryServiceStatusEx(service, 0, status, status.Length, out needed);
            if (!answered) { errors.AddLast("status of service " + name); }
            result["state"] = answered ? Named(States, BitConverter.ToInt32(status, 4)) : null;
            result["process_id"] = answered ? (object)BitConverter.ToInt32(status, 28) : null;
            result["exit_code"] = answered ? (object)(long)BitConverter.ToUInt32(status, 12) : null;
        }

        /// <summary>SERVICE_FAILURE_ACTIONSW: reset seconds, two texts, count, address of (type, delay) pairs.</summary>
        Dictionary<string, object> Recovery(IntPtr service, string name)
        {
            const int Size = 8192;
            IntPtr buffer = Marshal.AllocHGlobal(Size);
            try
            {
                int needed;
                if (!Native.QueryServiceConfig2(service, FailureActions, buffer, Size, out needed))
                {
                    errors.AddLast("failure actions of service " + name);
                    return null;
                }
                List<object> actions = new List<object>();
                IntPtr first = Marshal.ReadIntPtr(buffer, 32);
                for (int i = 0; i < Marshal.ReadInt32(buffer, 24); i++)
                {
                    Dictionary<string, object> action = new Dictionary<string, object>();
                    action["type"] = Named(ActionTypes, Marshal.ReadInt32(first, 8 * i));
                    action["delay_milliseconds"] = (long)(uint)Marshal.ReadInt32(first, 8 * i + 4);
                    actions.Add(action);
                }
                Dictionary<string, object> result = new Dictionary<string, object>();
                result["reset_seconds"] = (long)(uint)Marshal.ReadInt32(buffer, 0);
                result["actions"] = actions;
                result["on_non_crash"] = Flag(service, FailureActionsFlag);
                return result;
            }
            finally
            {
                Marshal.FreeHGlobal(buffer);
            }
        }

        /// <summary>A configuration level that is one BOOL; null where it is refused.</summary>
        static bool? Flag(IntPtr service, int level)
        {
            IntPtr buffer = Marshal.AllocHGlobal(8);
            try
            {
                int needed;
                return Native.QueryServiceConfig2(service, level, buffer, 8, out needed) ? Marshal.ReadInt32(buffer) != 0 : (bool?)null;
            }
            finally
            {
                Marshal.FreeHGlobal(buffer);
            }
        }

        /// <summary>What nssm runs in a service's name; null for a service without it.</summary>
        Dictionary<string, object> NonSuckingServiceManager(string name)
        {
            string key = "SYSTEM\\CurrentControlSet\\Services\\" + name + "\\Parameters";
            object application = Machine.Value(key, "Application", errors);
            if (application == null) { return null; }
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["application"] = application;
            result["parameters"] = Machine.Value(key, "AppParameters", errors);
            return result;
        }

        static string Named(string[] names, int number)
        {
            return number >= 0 && number < names.Length ? names[number] : number.ToString(CultureInfo.InvariantCulture);
        }

        /// <summary>Services that it waits for, from where the service manager keeps them; groups are left out.</summary>
        List<object> Dependencies(string name)
        {
            object stored = Machine.Value("SYSTEM\\CurrentControlSet\\Services\\" + name, "DependOnService", errors);
            return new List<object>(stored as string[] ?? new string[0]);
        }
    }

    /// <summary>Files: size, hash, text.</summary>
    internal sealed class Files
    {
        const int LargestText = 1024 * 1024;
        readonly Errors errors;
        readonly Dictionary<string, string> hashes = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

        public Files(Errors errors)
        {
            this.errors = errors;
        }

        public Dictionary<string, object> Describe(List<string> paths)
        {
            Dictionary<string, object> results = new Dictionary<string, object>();
            foreach (string path in paths) { results[path] = Describe(Environment.ExpandEnvironmentVariables(path)); }
            return results;
        }

        /// <summary>Each folder with the names in it; null where there is no folder.</summary>
        public Dictionary<string, object> Entries(List<string> paths)
        {
            Dictionary<string, object> results = new Dictionary<string, object>();
            foreach (string asked in paths)
            {
                string path = Environment.ExpandEnvironmentVariables(asked);
                string[] entries = Directory.Exists(path) ? Try<string[]>(path, delegate { return Directory.GetFileSystemEntries(path); }) : null;
                results[asked] = entries == null ? null : new List<object>(Array.ConvertAll<string, object>(entries, Path.GetFileName));
            }
            return results;
        }

        /// <summary>path, exists, is_directory, size, sha256. A file that can't be read keeps a null hash.</summary>
        public Dictionary<string, object> Describe(string path)
        {
            Dictionary<string, object> result = new Dictionary<string, object>();
            bool isFile = File.Exists(path), isDirectory = Directory.Exists(path);
            result["path"] = path;
            result["exists"] = isFile || isDirectory;
            result["is_directory"] = isDirectory;
            result["size"] = isFile ? Try<object>(path, delegate { return new FileInfo(path).Length; }) : null;
            result["sha256"] = isFile ? HashOnce(path) : null;
            return result;
        }

        /// <summary>As Describe, with the text of a configuration file: UTF-8, the byte order mark told apart.</summary>
        public Dictionary<string, object> DescribeText(string path)
        {
            Dictionary<string, object> result = Describe(path);
            result["content"] = null;
            result["byte_order_mark"] = null;
            if (!File.Exists(path)) { return result; }
            if (result["size"] is long && (long)result["size"] > LargestText)
            {
                errors.Add("content of " + path, null, "The file is larger than 1 MiB and was not read.");
                return result;
            }
            byte[] bytes = Try<byte[]>(path, delegate { return Read(path); });
            if (bytes == null) { return result; }
            bool marked = bytes.Length >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF;
            result["byte_order_mark"] = marked;
            result["content"] = Encoding.UTF8.GetString(bytes, marked ? 3 : 0, bytes.Length - (marked ? 3 : 0));
            return result;
        }

        /// <summary>A program that is asked for twice is read once.</summary>
        string HashOnce(string path)
        {
            if (!hashes.ContainsKey(path)) { hashes[path] = Try<string>(path, delegate { return Hash(path); }); }
            return hashes[path];
        }

        T Try<T>(string path, Func<T> read) where T : class
        {
            try
            {
                return read();
            }
            catch (Exception failure)
            {
                if (!Errors.IsRefusal(failure)) { throw; }
                errors.Add("read " + path, failure);
                return null;
            }
        }

        static FileStream Open(string path)
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 20);
        }

        static string Hash(string path)
        {
            using (FileStream stream = Open(path))
#if CORECLR
            using (HashAlgorithm algorithm = SHA256.Create())
#else
            // SHA256.Create() is refused on .NET Framework where Windows is in FIPS mode.
            using (HashAlgorithm algorithm = new SHA256CryptoServiceProvider())
#endif
            {
                return BitConverter.ToString(algorithm.ComputeHash(stream)).Replace("-", "").ToLowerInvariant();
            }
        }

        static byte[] Read(string path)
        {
            using (FileStream stream = Open(path))
            using (MemoryStream memory = new MemoryStream())
            {
                stream.CopyTo(memory);
                return memory.ToArray();
            }
        }
    }

    /// <summary>What a program calls its version.</summary>
    internal static class ProgramVersion
    {
        static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
        static readonly Regex Number = new Regex("\\bv?(?<version>\\d+\\.\\d+\\.\\d+\\S*)");

        /// <summary>Adds version ("2.2.9") and version_text (the line as printed); null where it did not say.</summary>
        public static void Add(Dictionary<string, object> program, Errors errors)
        {
            program["version"] = null;
            program["version_text"] = null;
            string path = (string)program["path"];
            if (!(bool)program["exists"]) { return; }
            try
            {
                string text = Run(path, "--version");
                Match match = Number.Match(text);
                program["version_text"] = text;
                program["version"] = match.Success ? match.Groups["version"].Value : null;
            }
            catch (Exception failure)
            {
                if (!Errors.IsRefusal(failure) && !(failure is TimeoutException) && !(failure is InvalidOperationException)) { throw; }
                errors.Add(path + " --version", failure);
            }
        }

        static string Run(string path, string arguments)
        {
            ProcessStartInfo start = new ProcessStartInfo(path, arguments);
            start.UseShellExecute = false;
            start.CreateNoWindow = true;
            start.RedirectStandardOutput = true;
            start.RedirectStandardError = true;
            start.RedirectStandardInput = true;
            using (Process process = Process.Start(start))
            {
                // Both streams are drained, or a talkative program would block on a full pipe.
                StringBuilder output = new StringBuilder();
                process.OutputDataReceived += delegate(object sender, DataReceivedEventArgs line) { lock (output) { output.AppendLine(line.Data); } };
                process.ErrorDataReceived += delegate { };
                process.BeginOutputReadLine();
                process.BeginErrorReadLine();
                process.StandardInput.Close();
                if (!process.WaitForExit((int)Patience.TotalMilliseconds))
                {
                    process.Kill();
                    throw new TimeoutException("It did not end within " + Patience.TotalSeconds + " seconds and was ended.");
                }
                process.WaitForExit();  // until the output is read too
                lock (output) { return output.ToString().Trim(); }
            }
        }
    }

    internal static class Containerd
    {
        const string DefaultDirectory = "%ProgramFiles%\\containerd", ShimName = "containerd-shim-runhcs-v1.exe";
        const string Pipe = "\\\\.\\pipe\\containerd-containerd";

        public static Dictionary<string, object> Describe(IDictionary options, Services services, Files files, Errors errors)
        {
            string directory = Options.Path(options, "containerd_directory", DefaultDirectory);
            Dictionary<string, object> result = files.Describe(Programs.Locate(directory, "containerd.exe", services.Program("containerd")));
            ProgramVersion.Add(result, errors);
            result["shim"] = files.Describe(Path.Combine(Path.GetDirectoryName((string)result["path"]), ShimName));
            result["config"] = files.DescribeText(Options.Path(options, "containerd_config_path", Path.Combine(directory, "config.toml")));
            result["pipe"] = DescribePipe(errors);
            result["shim_processes"] = ShimProcesses(errors);
            return result;
        }

        /// <summary>Whether a server waits on the pipe. It is not opened: containerd would see a client come and go.</summary>
        static Dictionary<string, object> DescribePipe(Errors errors)
        {
            const uint Patience = 1000;
            const int FileNotFound = 2;
            Dictionary<string, object> result = new Dictionary<string, object>();
            bool answers = Native.WaitNamedPipe(Pipe, Patience);
            int code = Marshal.GetLastWin32Error();
            if (!answers && code != FileNotFound) { errors.Add("pipe " + Pipe, code); }
            result["path"] = Pipe;
            result["answers"] = answers;
            return result;
        }

        /// <summary>Running shims with their program's path: a replaced file leaves old ones running.</summary>
        static List<object> ShimProcesses(Errors errors)
        {
            const uint QueryLimitedInformation = 0x1000;
            List<object> results = new List<object>();
            foreach (Process process in Process.GetProcessesByName(Path.GetFileNameWithoutExtension(ShimName)))
            {
                using (process)
                {
                    Dictionary<string, object> result = new Dictionary<string, object>();
                    IntPtr handle = Native.OpenProcess(QueryLimitedInformation, false, (uint)process.Id);
                    StringBuilder path = new StringBuilder(32768);
                    int length = path.Capacity;
                    bool known = handle != IntPtr.Zero && Native.QueryFullProcessImageName(handle, 0, path, ref length);
                    if (!known) { errors.AddLast("program of process " + process.Id); }
                    if (handle != IntPtr.Zero) { Native.CloseHandle(handle); }
                    result["pid"] = process.Id;
                    result["path"] = known ? path.ToString() : null;
                    results.Add(result);
                }
            }
            return results;
        }
    }

    /// <summary>The fixed drives: what there is and what is free for the caller.</summary>
    internal static class Volumes
    {
        public static List<object> Describe(Errors errors)
        {
            List<object> volumes = new List<object>();
            foreach (DriveInfo drive in DriveInfo.GetDrives())
            {
                if (drive.DriveType != DriveType.Fixed) { continue; }
                try
                {
                    Dictionary<string, object> volume = new Dictionary<string, object>();
                    volume["drive"] = drive.Name.TrimEnd('\\');
                    volume["size_bytes"] = drive.TotalSize;
                    volume["free_bytes"] = drive.AvailableFreeSpace;
                    volumes.Add(volume);
                }
                catch (Exception failure)
                {
                    if (!Errors.IsRefusal(failure)) { throw; }
                    errors.Add("volume " + drive.Name, failure);
                }
            }
            return volumes;
        }
    }

    /// <summary>Whether this node finds a server's addresses and reaches one: a TCP connection that is closed again at once.</summary>
    internal static class Endpoints
    {
        const int TimeoutMilliseconds = 5000;

        /// <param name="asked">URLs, or host:port.</param>
        public static Dictionary<string, object> Describe(List<string> asked)
        {
            Dictionary<string, object> endpoints = new Dictionary<string, object>();
            foreach (string endpoint in asked) { endpoints[endpoint] = Reach(endpoint); }
            return endpoints;
        }

        static Dictionary<string, object> Reach(string endpoint)
        {
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["addresses"] = null;
            Uri server;
            if (!Uri.TryCreate(endpoint.Contains("://") ? endpoint : "tcp://" + endpoint, UriKind.Absolute, out server) || server.Port < 1)
            {
                result["reached"] = false;
                result["error"] = "This is neither a URL nor host:port.";
                return result;
            }
            string problem;
            IPAddress[] addresses = Resolve(server.DnsSafeHost, out problem);
            result["addresses"] = new List<string>(Array.ConvertAll(addresses, address => address.ToString()));
            // The first that answers is enough.
            foreach (IPAddress address in addresses)
            {
                problem = Refusal(address, server.Port);
                if (problem == null) { break; }
            }
            result["reached"] = problem == null;
            result["error"] = problem;
            return result;
        }

        /// <summary>The addresses of a name, by whatever way Windows resolves it; none, and why, where it can't.</summary>
        static IPAddress[] Resolve(string host, out string problem)
        {
            problem = "It has no address.";
            try
            {
                IAsyncResult begun = Dns.BeginGetHostAddresses(host, null, null);
                if (begun.AsyncWaitHandle.WaitOne(TimeoutMilliseconds)) { return Dns.EndGetHostAddresses(begun); }
                problem = "No answer within 5 seconds.";
            }
            catch (SocketException failure)
            {
                problem = failure.Message;
            }
            catch (ArgumentException failure)  // longer than any name of DNS
            {
                problem = failure.Message;
            }
            return new IPAddress[0];
        }

        static string Refusal(IPAddress address, int port)
        {
            using (TcpClient client = new TcpClient(address.AddressFamily))
            {
                try
                {
                    IAsyncResult begun = client.BeginConnect(address, port, null, null);
                    if (!begun.AsyncWaitHandle.WaitOne(TimeoutMilliseconds)) { return "No answer within 5 seconds."; }
                    client.EndConnect(begun);
                    return null;
                }
                catch (SocketException failure)
                {
                    return failure.Message;
                }
            }
        }
    }

    /// <summary>Whom a certificate names and how long it is good. The private key beside it in the file is not used.</summary>
    internal static class Certificates
    {
        public static Dictionary<string, object> Describe(string path, Files files, Errors errors)
        {
            Dictionary<string, object> text = files.DescribeText(path);
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["path"] = path;
            result["exists"] = text["exists"];
            result["subject"] = result["not_before"] = result["not_after"] = null;
            Match first = Regex.Match((string)text["content"] ?? "", "-----BEGIN CERTIFICATE-----(?<base64>[^-]+)-----END CERTIFICATE-----");
            if (first.Success) { Read(first.Groups["base64"].Value, result, errors); }
            return result;
        }

        static void Read(string base64, Dictionary<string, object> result, Errors errors)
        {
            try
            {
                X509Certificate2 certificate = new X509Certificate2(Convert.FromBase64String(base64));
                result["subject"] = certificate.Subject;
                result["not_before"] = Time(certificate.NotBefore);
                result["not_after"] = Time(certificate.NotAfter);
                certificate.Reset();
            }
            catch (Exception failure)
            {
                if (!(failure is CryptographicException) && !(failure is FormatException)) { throw; }
                errors.Add("certificate " + (string)result["path"], failure);
            }
        }

        static string Time(DateTime local)
        {
            return local.ToUniversalTime().ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
        }
    }

    internal static class Kubelet
    {
        const string DefaultDirectory = "C:\\k", DefaultConfiguration = "C:\\var\\lib\\kubelet\\config.yaml";
        const string DefaultCertificates = "C:\\var\\lib\\kubelet\\pki";
        const string DefaultKubeadmFlags = "C:\\var\\lib\\kubelet\\kubeadm-flags.env";

        /// <summary>The program, its configuration, and the files that it joins the cluster with.</summary>
        public static Dictionary<string, object> Describe(IDictionary options, Services services, Files files, Errors errors)
        {
            string directory = Options.Path(options, "kubelet_directory", DefaultDirectory);
            Dictionary<string, object> result = files.Describe(Programs.Locate(directory, "kubelet.exe", services.Program("kubelet")));
            ProgramVersion.Add(result, errors);
            result["config"] = files.DescribeText(Options.Path(options, "kubelet_config_path", DefaultConfiguration));
            result["kubeadm_flags"] = files.DescribeText(Options.Path(options, "kubelet_kubeadm_flags_path", DefaultKubeadmFlags));
            AddFile(result, "bootstrap_kubeconfig", Options.Path(options, "kubelet_bootstrap_kubeconfig_path", Path.Combine(directory, "bootstrap-kubelet.conf")), files);
            AddFile(result, "kubeconfig", Options.Path(options, "kubelet_kubeconfig_path", Path.Combine(directory, "kubelet.conf")), files);
            result["client_certificate"] = Certificates.Describe(Path.Combine(
                Options.Path(options, "kubelet_certificate_directory", DefaultCertificates), "kubelet-client-current.pem"), files, errors);
            AddFile(result, "certificate_authority", Options.Path(options, "kubelet_certificate_authority_path", Path.Combine(directory, "pki\\ca.crt")), files);
            return result;
        }

        static void AddFile(Dictionary<string, object> result, string name, string path, Files files)
        {
            Dictionary<string, object> file = files.Describe(path);
            result[name + "_path"] = path;
            result[name + "_exists"] = file["exists"];
            result[name + "_sha256"] = file["sha256"];
        }
    }

    internal static class Programs
    {
        /// <summary>
        /// A program where the service runs it from, if that is below its folder (a folder for each version); else in its
        /// folder, in bin below it (the layout of the released archive), or where else the service runs it from. The
        /// first when it is nowhere.
        /// </summary>
        public static string Locate(string directory, string name, string ofService)
        {
            List<string> places = new List<string>();
            places.Add(Path.Combine(directory, name));
            places.Add(Path.Combine(Path.Combine(directory, "bin"), name));
            if (ofService != null && ofService.EndsWith("\\" + name, StringComparison.OrdinalIgnoreCase))
            {
                bool below = ofService.StartsWith(directory.TrimEnd('\\') + "\\", StringComparison.OrdinalIgnoreCase);
                places.Insert(below ? 0 : places.Count, ofService);
            }
            return places.Find(File.Exists) ?? places[0];
        }
    }

    internal static class Native
    {
        public const ushort AllProcessorGroups = 0xFFFF;

        [DllImport("kernel32.dll")]
        public static extern int GetActiveProcessorCount(ushort group);
        [DllImport("kernel32.dll", SetLastError = true)]
        public static extern bool GlobalMemoryStatusEx([In, Out] byte[] status);
        [DllImport("kernel32.dll", CharSet = CharSet.Unicode, SetLastError = true, EntryPoint = "WaitNamedPipeW")]
        public static extern bool WaitNamedPipe(string name, uint milliseconds);
        [DllImport("kernel32.dll", SetLastError = true)]
        public static extern IntPtr OpenProcess(uint access, bool inherit, uint id);
        [DllImport("kernel32.dll")]
        public static extern bool CloseHandle(IntPtr handle);
        [DllImport("kernel32.dll", CharSet = CharSet.Unicode, SetLastError = true, EntryPoint = "QueryFullProcessImageNameW")]
        public static extern bool QueryFullProcessImageName(IntPtr process, uint flags, StringBuilder path, ref int length);
        [DllImport("advapi32.dll", CharSet = CharSet.Unicode, SetLastError = true, EntryPoint = "OpenSCManagerW")]
        public static extern IntPtr OpenSCManager(string machine, string database, uint access);
        [DllImport("advapi32.dll", CharSet = CharSet.Unicode, SetLastError = true, EntryPoint = "OpenServiceW")]
        public static extern IntPtr OpenService(IntPtr manager, string name, uint access);
        [DllImport("advapi32.dll")]
        public static extern bool CloseServiceHandle(IntPtr handle);
        [DllImport("advapi32.dll", SetLastError = true, EntryPoint = "QueryServiceConfigW")]
        public static extern bool QueryServiceConfig(IntPtr service, IntPtr buffer, int size, out int needed);
        [DllImport("advapi32.dll", SetLastError = true, EntryPoint = "QueryServiceConfig2W")]
        public static extern bool QueryServiceConfig2(IntPtr service, int level, IntPtr buffer, int size, out int needed);
        [DllImport("advapi32.dll", SetLastError = true)]
        public static extern bool QueryServiceStatusEx(IntPtr service, int level, [Out] byte[] status, int size, out int needed);
    }
}
