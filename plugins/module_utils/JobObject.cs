// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
//
// What the kernel says of the job objects behind HostProcess containers. Read only: every handle on a job asks for
// JOB_OBJECT_QUERY alone and is closed at once, since a held handle delays JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE.
//
// C# 5, so that Windows PowerShell 5.1 can compile it; warnings are errors there. Structures are read at their offsets
// in a 64-bit process (winnt.h, winternl.h); a 32-bit process is refused.

using System;
using System.Collections;
using System.Collections.Generic;
using System.ComponentModel;
using System.Globalization;
using System.IO;
using System.Runtime.InteropServices;
using System.Runtime.Serialization.Json;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml;

//AssemblyReference -Name System.Xml.dll -CLR Framework
//AssemblyReference -Name System.Runtime.Serialization.dll -CLR Framework

namespace ansible_collections.kubewin.hostprocess.plugins.module_utils.JobObject
{
    /// <summary>The entry: finds job objects three ways, joins what it found, and describes each.</summary>
    public static class JobObjectProbe
    {
        /// <summary>Describe the node's HostProcess job objects.</summary>
        /// <param name="options">
        /// container_id, pod, namespace, name: exact filters, null for none. state_directory: containerd's state
        /// folder. containerd_namespace: the folder below it, k8s.io for Kubernetes.
        /// </param>
        public static Dictionary<string, object> Collect(IDictionary options)
        {
            if (IntPtr.Size != 8)
            {
                throw new PlatformNotSupportedException(
                    "The job object probe reads 64-bit kernel structures and cannot run in a 32-bit process. " +
                    "Use the 64-bit PowerShell of the node.");
            }
            Ledger ledger = new Ledger();
            ProcessTable processes = ProcessTable.Take(ledger);
            BundleFolder bundles = BundleFolder.Read(Text(options, "state_directory"), Text(options, "containerd_namespace"));
            JobDirectories directories = JobDirectories.List(ledger);
            Filter filter = new Filter(options);
            JobReader reader = JobReader.ReadAll(Candidates(directories, bundles), filter, processes, ledger);
            ShimTable shims = new ShimTable(processes);

            Dictionary<string, object> result = new Dictionary<string, object>();
            result["source"] = "win32";
            result["logical_processors"] = Native.GetActiveProcessorCount(Native.AllProcessorGroups);
            result["searched"] = directories.Searched;
            result["bundle_directory"] = bundles.Description();
            result["job_objects"] = reader.Results(shims);
            result["vanished"] = reader.Vanished;
            result["bundles"] = bundles.Results(filter, reader);
            result["shims"] = shims.Results();
            result["leftovers"] = Leftovers.Find();
            result["statistics"] = ledger.Results();
            return result;
        }

        /// <summary>Listed jobs, then names that only a bundle tells of: the directory may be refused to us.</summary>
        static IEnumerable<FoundJob> Candidates(JobDirectories directories, BundleFolder bundles)
        {
            foreach (FoundJob listed in directories.Jobs.Values)
            {
                listed.Bundle = bundles.Find(listed.ContainerId);
                yield return listed;
            }
            foreach (Bundle bundle in bundles.Containers())
            {
                string name = FoundJob.NamePrefix + bundle.ContainerId;
                if (!directories.Jobs.ContainsKey(name))
                {
                    FoundJob unlisted = new FoundJob(JobDirectories.Global, name, false);
                    unlisted.Bundle = bundle;
                    yield return unlisted;
                }
            }
        }

        internal static string Text(IDictionary options, string key)
        {
            object value = options == null ? null : options[key];
            string text = value == null ? null : Convert.ToString(value, CultureInfo.InvariantCulture);
            return string.IsNullOrEmpty(text) ? null : text;
        }
    }

    /// <summary>Counts what the probe did, so that a test can hold it to linear work and to no handle left open.</summary>
    internal sealed class Ledger
    {
        public int HandlesOpened, HandlesClosed, JobQueries, ProcessesDescribed;

        public Dictionary<string, object> Results()
        {
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["handles_opened"] = HandlesOpened;
            result["handles_closed"] = HandlesClosed;
            result["job_queries"] = JobQueries;
            result["processes_described"] = ProcessesDescribed;
            return result;
        }
    }

    /// <summary>A kernel handle that is closed in finally, by <c>using</c>.</summary>
    internal sealed class KernelHandle : IDisposable
    {
        readonly Ledger ledger;
        public IntPtr Value { get; private set; }

        public KernelHandle(IntPtr value, Ledger ledger)
        {
            Value = value;
            this.ledger = ledger;
            ledger.HandlesOpened++;
        }

        public void Dispose()
        {
            if (Value == IntPtr.Zero) { return; }
            Native.CloseHandle(Value);
            Value = IntPtr.Zero;
            ledger.HandlesClosed++;
        }
    }

    /// <summary>A refusal of the operating system, as it stands beside a null value.</summary>
    internal static class Refusal
    {
        public static Dictionary<string, object> FromStatus(int status)
        {
            return FromCode(Native.RtlNtStatusToDosError(status));
        }

        public static Dictionary<string, object> FromCode(int code)
        {
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["win32_error"] = code;
            result["message"] = new Win32Exception(code).Message;
            return result;
        }

        /// <summary>An exception of the class library; the code is null where no Win32 error is behind it.</summary>
        public static Dictionary<string, object> FromException(Exception failure)
        {
            Dictionary<string, object> result = new Dictionary<string, object>();
            bool fromWin32 = (failure.HResult & 0xFFFF0000) == 0x80070000;
            result["win32_error"] = fromWin32 ? (object)(failure.HResult & 0xFFFF) : null;
            result["message"] = failure.Message;
            return result;
        }
    }

    /// <summary>Which job objects the caller wants.</summary>
    internal sealed class Filter
    {
        readonly string containerId, pod, podNamespace, name;

        public Filter(IDictionary options)
        {
            containerId = JobObjectProbe.Text(options, "container_id");
            pod = JobObjectProbe.Text(options, "pod");
            podNamespace = JobObjectProbe.Text(options, "namespace");
            name = JobObjectProbe.Text(options, "name");
            // A pod's status writes the id as containerd://<id>.
            int scheme = containerId == null ? -1 : containerId.IndexOf("://", StringComparison.Ordinal);
            if (scheme >= 0) { containerId = containerId.Substring(scheme + 3); }
        }

        public bool Accepts(FoundJob job)
        {
            return Same(name, job.Name) && Same(containerId, job.ContainerId) && AcceptsPod(job.Bundle);
        }

        public bool Accepts(Bundle bundle)
        {
            return Same(name, FoundJob.NamePrefix + bundle.ContainerId) && Same(containerId, bundle.ContainerId)
                && AcceptsPod(bundle);
        }

        bool AcceptsPod(Bundle bundle)
        {
            return Same(pod, bundle == null ? null : bundle.PodName)
                && Same(podNamespace, bundle == null ? null : bundle.PodNamespace);
        }

        static bool Same(string wanted, string actual)
        {
            return wanted == null || string.Equals(wanted, actual, StringComparison.Ordinal);
        }
    }

    /// <summary>A job object that somebody told of: its place in the object namespace and the bundle of its container.</summary>
    internal sealed class FoundJob
    {
        // internal/jobcontainers/jobcontainer.go jobContainerNameFmt
        public const string NamePrefix = "JobContainer_";
        public readonly string Directory, Name;
        public readonly bool Listed;
        public Bundle Bundle;

        public FoundJob(string directory, string name, bool listed)
        {
            Directory = directory;
            Name = name;
            Listed = listed;
        }

        public string ContainerId { get { return Name.Substring(NamePrefix.Length); } }
        public string Path { get { return Directory + "\\" + Name; } }
    }

    /// <summary>The kernel's object directories that hold named jobs.</summary>
    internal sealed class JobDirectories
    {
        // A service's names; a containerd started by hand in a console puts its shims' jobs into its session's folder.
        public const string Global = "\\BaseNamedObjects";
        const string Sessions = "\\Sessions";

        public readonly List<object> Searched = new List<object>();
        public readonly SortedDictionary<string, FoundJob> Jobs =
            new SortedDictionary<string, FoundJob>(StringComparer.Ordinal);

        public static JobDirectories List(Ledger ledger)
        {
            JobDirectories result = new JobDirectories();
            result.Search(Global, ledger);
            int ignored;
            foreach (DirectoryEntry session in Entries(Sessions, ledger, out ignored))
            {
                uint number;
                if (uint.TryParse(session.Name, NumberStyles.None, CultureInfo.InvariantCulture, out number))
                {
                    result.Search(Sessions + "\\" + session.Name + Global, ledger);
                }
            }
            return result;
        }

        void Search(string directory, Ledger ledger)
        {
            int status, count = 0;
            foreach (DirectoryEntry entry in Entries(directory, ledger, out status))
            {
                if (entry.Type != "Job" || !entry.Name.StartsWith(FoundJob.NamePrefix, StringComparison.Ordinal))
                {
                    continue;
                }
                count++;
                // Container ids are unique, so a second sight of a name is the same job through another directory.
                if (!Jobs.ContainsKey(entry.Name))
                {
                    Jobs.Add(entry.Name, new FoundJob(directory, entry.Name, true));
                }
            }
            Dictionary<string, object> searched = new Dictionary<string, object>();
            searched["directory"] = directory;
            searched["status"] = status >= 0 ? "listed" : Native.IsNotFound(status) ? "not_found" : "refused";
            searched["job_objects"] = status >= 0 ? (object)count : null;
            searched["error"] = status >= 0 ? null : Refusal.FromStatus(status);
            Searched.Add(searched);
        }

        struct DirectoryEntry
        {
            public string Name, Type;
        }

        /// <summary>Every entry of an object directory. <c>status</c> is negative where the system refused.</summary>
        static List<DirectoryEntry> Entries(string directory, Ledger ledger, out int status)
        {
            const uint DirectoryQuery = 0x1;
            const int Size = 0x10000;
            List<DirectoryEntry> entries = new List<DirectoryEntry>();
            IntPtr raw;
            using (ObjectName name = new ObjectName(directory))
            {
                status = Native.NtOpenDirectoryObject(out raw, DirectoryQuery, name.Attributes);
            }
            if (status < 0) { return entries; }
            IntPtr buffer = Marshal.AllocHGlobal(Size);
            try
            {
                using (KernelHandle handle = new KernelHandle(raw, ledger))
                {
                    uint context = 0;
                    int returned;
                    // One entry a call: the buffer then holds two UNICODE_STRINGs, name and type.
                    while ((status = Native.NtQueryDirectoryObject(
                        handle.Value, buffer, Size, true, entries.Count == 0, ref context, out returned)) == 0)
                    {
                        DirectoryEntry entry = new DirectoryEntry();
                        entry.Name = Native.UnicodeString(buffer, 0);
                        entry.Type = Native.UnicodeString(buffer, 16);
                        entries.Add(entry);
                    }
                }
            }
            finally
            {
                Marshal.FreeHGlobal(buffer);
            }
            if (status == Native.NoMoreEntries) { status = 0; }
            return entries;
        }
    }

    /// <summary>Reads jobs one by one and keeps which process is in which.</summary>
    internal sealed class JobReader
    {
        readonly ProcessTable processes;
        readonly Ledger ledger;
        readonly List<Job> jobs = new List<Job>();
        readonly Dictionary<long, Job> jobOfProcess = new Dictionary<long, Job>();
        readonly Dictionary<string, Job> jobOfContainer = new Dictionary<string, Job>(StringComparer.Ordinal);
        public readonly List<object> Vanished = new List<object>();

        JobReader(ProcessTable processes, Ledger ledger)
        {
            this.processes = processes;
            this.ledger = ledger;
        }

        /// <summary>Read the jobs that the filter accepts, and bring the table up to the moment after that.</summary>
        /// <param name="processes">
        /// A table from before the jobs were read: of a process that came after its parent's job was read nobody
        /// could say whether it is in there.
        /// </param>
        public static JobReader ReadAll(IEnumerable<FoundJob> candidates, Filter filter, ProcessTable processes, Ledger ledger)
        {
            JobReader reader = new JobReader(processes, ledger);
            foreach (FoundJob found in candidates)
            {
                if (filter.Accepts(found)) { reader.Read(found); }
            }
            ProcessTable later = ProcessTable.Take(ledger);
            reader.AddEscapedProcesses(later);
            processes.Update(later);
            return reader;
        }

        public Job JobOf(long processId)
        {
            Job job;
            return jobOfProcess.TryGetValue(processId, out job) ? job : null;
        }

        public Job JobOf(string containerId)
        {
            Job job;
            return jobOfContainer.TryGetValue(containerId, out job) ? job : null;
        }

        /// <summary>Open a job for query, read everything, close it.</summary>
        public void Read(FoundJob found)
        {
            const uint JobObjectQuery = 0x4;
            IntPtr raw;
            int status;
            using (ObjectName name = new ObjectName(found.Path))
            {
                status = Native.NtOpenJobObject(out raw, JobObjectQuery, name.Attributes);
            }
            if (Native.IsNotFound(status))
            {
                // A listed one ended meanwhile. One that only a bundle promised is told in the bundle.
                if (found.Listed) { Vanished.Add(found.Name); }
                return;
            }
            Job job = new Job(found);
            if (status < 0)
            {
                job.RefuseAll(status);
            }
            else
            {
                using (KernelHandle handle = new KernelHandle(raw, ledger))
                {
                    job.Query(handle, ledger);
                }
            }
            jobs.Add(job);
            jobOfContainer[found.ContainerId] = job;
            foreach (long id in job.ProcessIds)
            {
                jobOfProcess[id] = job;
            }
        }

        /// <summary>
        /// Give each process outside every job to the job that its chain of living parents leads into. One pass: the
        /// answer for a parent is kept for all its children.
        /// </summary>
        /// <param name="later">
        /// A table from after the jobs were read. A process that has ended since may have ended before its job was
        /// read, and then it was missing there as a process that lives no longer, not as one that got away.
        /// </param>
        void AddEscapedProcesses(ProcessTable later)
        {
            Dictionary<long, Job> known = new Dictionary<long, Job>(jobOfProcess);
            foreach (ProcessEntry process in processes.All)
            {
                List<long> chain = new List<long>();
                ProcessEntry at = process;
                Job owner = null;
                while (at != null && !known.TryGetValue(at.Id, out owner))
                {
                    known[at.Id] = null;  // also ends a circle
                    chain.Add(at.Id);
                    at = processes.ParentOf(at);
                }
                foreach (long id in chain)
                {
                    known[id] = owner;
                    if (owner != null && later.StillHas(processes.Find(id))) { owner.EscapedIds.Add(id); }
                }
            }
        }

        public List<object> Results(ShimTable shims)
        {
            List<object> results = new List<object>();
            foreach (Job job in jobs)
            {
                results.Add(job.Results(processes, shims));
            }
            return results;
        }
    }

    /// <summary>What one job object answered.</summary>
    internal sealed class Job
    {
        delegate object Decode(byte[] data);

        sealed class InformationClass
        {
            public readonly string Field;
            public readonly int Number, Length;
            public readonly Decode Decode;

            public InformationClass(string field, int number, int length, Decode decode)
            {
                Field = field;
                Number = number;
                Length = length;
                Decode = decode;
            }
        }

        // Numbers of JOBOBJECTINFOCLASS and sizes of the structures on 64-bit Windows. 28 and 42 are those that hcsshim
        // reads for a container's statistics (internal/jobobject).
        static readonly InformationClass[] InformationClasses =
        {
            new InformationClass("limits", 9, 144, Limits.Decode),
            new InformationClass("cpu_rate", 15, 8, CpuRate.Decode),
            new InformationClass("memory", 28, 16, Accounting.DecodeMemory),
            new InformationClass("accounting", 1, 48, Accounting.Decode),
            new InformationClass("io_accounting", 8, 96, Accounting.DecodeIo),
            new InformationClass("io", 42, 72, Accounting.DecodeIoAttribution),
        };
        const int ProcessIdList = 3, GroupInformationEx = 14, SiloBasicInformation = 36, SiloLength = 16;

        readonly FoundJob found;
        readonly Dictionary<string, object> values = new Dictionary<string, object>();
        readonly Dictionary<string, object> errors = new Dictionary<string, object>();
        bool processesKnown;
        public readonly List<long> ProcessIds = new List<long>();
        public readonly List<long> EscapedIds = new List<long>();

        public Job(FoundJob found)
        {
            this.found = found;
        }

        public string Name { get { return found.Name; } }

        /// <summary>The system did not open the job: every value is null and says why.</summary>
        public void RefuseAll(int status)
        {
            Refuse("open", status);
            foreach (InformationClass information in InformationClasses)
            {
                Refuse(information.Field, status);
            }
            Refuse("processes", status);
            Refuse("group_affinity", status);
            Refuse("silo", status);
        }

        public void Query(KernelHandle handle, Ledger ledger)
        {
            QueryProcessIds(handle, ledger);
            foreach (InformationClass information in InformationClasses)
            {
                byte[] data = new byte[information.Length];
                int returned;
                int status = Ask(handle, information.Number, data, out returned, ledger);
                if (status < 0) { Refuse(information.Field, status); }
                else { values[information.Field] = information.Decode(data); }
            }
            QueryGroupAffinity(handle, ledger);
            QuerySilo(handle, ledger);
        }

        static int Ask(KernelHandle handle, int number, byte[] data, out int returned, Ledger ledger)
        {
            ledger.JobQueries++;
            return Native.NtQueryInformationJobObject(handle.Value, number, data, data.Length, out returned);
        }

        /// <summary>JOBOBJECT_BASIC_PROCESS_ID_LIST: assigned, listed, then the ids; asked again while it overflows.</summary>
        void QueryProcessIds(KernelHandle handle, Ledger ledger)
        {
            for (int room = 64; ; room *= 2)
            {
                byte[] data = new byte[8 + 8 * room];
                int returned;
                int status = Ask(handle, ProcessIdList, data, out returned, ledger);
                if (status == Native.BufferOverflow || status == Native.InfoLengthMismatch) { continue; }
                if (status < 0)
                {
                    Refuse("processes", status);
                    return;
                }
                int listed = BitConverter.ToInt32(data, 4);
                for (int i = 0; i < listed; i++)
                {
                    ProcessIds.Add(BitConverter.ToInt64(data, 8 + 8 * i));
                }
                processesKnown = true;
                return;
            }
        }

        /// <summary>An array of GROUP_AFFINITY: a mask of processors for each processor group.</summary>
        void QueryGroupAffinity(KernelHandle handle, Ledger ledger)
        {
            byte[] data = new byte[16 * 64];
            int returned;
            int status = Ask(handle, GroupInformationEx, data, out returned, ledger);
            if (status < 0)
            {
                Refuse("group_affinity", status);
                return;
            }
            List<object> groups = new List<object>();
            for (int offset = 0; offset + 16 <= returned; offset += 16)
            {
                Dictionary<string, object> group = new Dictionary<string, object>();
                group["group"] = (int)BitConverter.ToUInt16(data, offset + 8);
                group["mask"] = BitConverter.ToUInt64(data, offset);
                groups.Add(group);
            }
            values["group_affinity"] = groups;
        }

        /// <summary>
        /// The class answers for silos only, so a refusal says that the job is plain (as hcsshim's isJobSilo takes it);
        /// unless it may say that the class is unknown or the question forbidden, which says nothing of the job. Which
        /// status a plain job gives on Windows has not been seen; an ambiguous one is reported as such, not as "plain".
        /// </summary>
        void QuerySilo(KernelHandle handle, Ledger ledger)
        {
            int returned;
            int status = Ask(handle, SiloBasicInformation, new byte[SiloLength], out returned, ledger);
            if (status >= 0) { values["silo"] = true; }
            else if (Native.IsUnknownOrForbidden(status)) { Refuse("silo", status); }
            else { values["silo"] = false; }
        }

        void Refuse(string field, int status)
        {
            values[field] = null;
            errors[field] = Refusal.FromStatus(status);
        }

        public Dictionary<string, object> Results(ProcessTable processes, ShimTable shims)
        {
            Bundle bundle = found.Bundle;
            Shim shim = shims.Of(bundle, ProcessIds);
            Dictionary<string, object> limits = (Dictionary<string, object>)Value("limits");
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["name"] = found.Name;
            result["directory"] = found.Directory;
            result["container_id"] = found.ContainerId;
            result["state"] = State();
            result["found_by"] = FoundBy(shim);
            result["shim_process_id"] = shim == null ? null : (object)(int)shim.Process.Id;
            result["pod"] = bundle == null ? null : bundle.Pod();
            result["container_name"] = bundle == null ? null : bundle.ContainerName;
            result["image"] = bundle == null ? null : bundle.Image;
            result["processes"] = processesKnown ? Processes(processes) : null;
            foreach (string field in new[] { "limits", "cpu_rate", "group_affinity", "memory", "accounting", "io_accounting", "io", "silo" })
            {
                result[field] = Value(field);
            }
            result["kill_on_close"] = limits == null ? null : (object)Limits.Has(limits, Limits.KillOnJobClose);
            result["breakaway"] = limits == null ? null : (object)Limits.Has(limits, Limits.AnyBreakaway);
            foreach (string derived in new[] { "kill_on_close", "breakaway" })
            {
                if (errors.ContainsKey("limits")) { errors[derived] = errors["limits"]; }
            }
            result["errors"] = errors;
            return result;
        }

        object Value(string field)
        {
            object value;
            return values.TryGetValue(field, out value) ? value : null;
        }

        /// <summary>running; created: never held a process; empty: holds none now. Null where the list was refused.</summary>
        string State()
        {
            if (!processesKnown) { return null; }
            if (ProcessIds.Count > 0) { return "running"; }
            Dictionary<string, object> accounting = (Dictionary<string, object>)Value("accounting");
            bool neverUsed = accounting != null && (long)accounting["total_processes"] == 0;
            return neverUsed ? "created" : "empty";
        }

        List<object> FoundBy(Shim shim)
        {
            List<object> ways = new List<object>();
            ways.Add(found.Listed ? "object_directory" : "name");
            if (found.Bundle != null) { ways.Add("bundle"); }
            if (shim != null) { ways.Add("shim"); }
            return ways;
        }

        List<object> Processes(ProcessTable processes)
        {
            List<object> results = new List<object>();
            foreach (long id in ProcessIds) { AddLiving(results, processes.Describe(id, true)); }
            foreach (long id in EscapedIds) { AddLiving(results, processes.Describe(id, false)); }
            return results;
        }

        static void AddLiving(List<object> results, Dictionary<string, object> described)
        {
            if (described != null) { results.Add(described); }
        }
    }

    /// <summary>JOBOBJECT_EXTENDED_LIMIT_INFORMATION. A limit whose flag is not set is null: there is none.</summary>
    internal static class Limits
    {
        public const uint KillOnJobClose = 0x2000, AnyBreakaway = 0x0800 | 0x1000;

        static readonly KeyValuePair<uint, string>[] FlagNames =
        {
            Flag(0x0001, "WORKINGSET"), Flag(0x0002, "PROCESS_TIME"), Flag(0x0004, "JOB_TIME"),
            Flag(0x0008, "ACTIVE_PROCESS"), Flag(0x0010, "AFFINITY"), Flag(0x0020, "PRIORITY_CLASS"),
            Flag(0x0040, "PRESERVE_JOB_TIME"), Flag(0x0080, "SCHEDULING_CLASS"), Flag(0x0100, "PROCESS_MEMORY"),
            Flag(0x0200, "JOB_MEMORY"), Flag(0x0400, "DIE_ON_UNHANDLED_EXCEPTION"), Flag(0x0800, "BREAKAWAY_OK"),
            Flag(0x1000, "SILENT_BREAKAWAY_OK"), Flag(0x2000, "KILL_ON_JOB_CLOSE"), Flag(0x4000, "SUBSET_AFFINITY"),
            Flag(0x8000, "JOB_MEMORY_LOW"), Flag(0x10000, "JOB_READ_BYTES"), Flag(0x20000, "JOB_WRITE_BYTES"),
            Flag(0x40000, "RATE_CONTROL"),
        };

        static KeyValuePair<uint, string> Flag(uint value, string name)
        {
            return new KeyValuePair<uint, string>(value, name);
        }

        public static object Decode(byte[] data)
        {
            uint flags = BitConverter.ToUInt32(data, 16);
            Dictionary<string, object> limits = new Dictionary<string, object>();
            limits["flags"] = (long)flags;
            limits["flag_names"] = Names(flags);
            limits["per_process_user_time_100ns"] = When(flags, 0x0002, BitConverter.ToInt64(data, 0));
            limits["per_job_user_time_100ns"] = When(flags, 0x0004, BitConverter.ToInt64(data, 8));
            limits["minimum_working_set_bytes"] = When(flags, 0x0001, BitConverter.ToUInt64(data, 24));
            limits["maximum_working_set_bytes"] = When(flags, 0x0001, BitConverter.ToUInt64(data, 32));
            limits["active_processes"] = When(flags, 0x0008, (long)BitConverter.ToUInt32(data, 40));
            limits["affinity"] = When(flags, 0x0010, BitConverter.ToUInt64(data, 48));
            limits["priority_class"] = When(flags, 0x0020, (long)BitConverter.ToUInt32(data, 56));
            limits["scheduling_class"] = When(flags, 0x0080, (long)BitConverter.ToUInt32(data, 60));
            limits["process_memory_bytes"] = When(flags, 0x0100, BitConverter.ToUInt64(data, 112));
            limits["job_memory_bytes"] = When(flags, 0x0200, BitConverter.ToUInt64(data, 120));
            limits["peak_process_memory_bytes"] = BitConverter.ToUInt64(data, 128);
            limits["peak_job_memory_bytes"] = BitConverter.ToUInt64(data, 136);
            return limits;
        }

        public static bool Has(Dictionary<string, object> limits, uint flag)
        {
            return ((uint)(long)limits["flags"] & flag) != 0;
        }

        static object When(uint flags, uint flag, object value)
        {
            return (flags & flag) != 0 ? value : null;
        }

        static List<object> Names(uint flags)
        {
            List<object> names = new List<object>();
            foreach (KeyValuePair<uint, string> flag in FlagNames)
            {
                if ((flags & flag.Key) != 0) { names.Add("JOB_OBJECT_LIMIT_" + flag.Value); }
                flags &= ~flag.Key;
            }
            if (flags != 0) { names.Add("0x" + flags.ToString("X", CultureInfo.InvariantCulture)); }
            return names;
        }
    }

    /// <summary>JOBOBJECT_CPU_RATE_CONTROL_INFORMATION: flags, then a union whose meaning the flags choose.</summary>
    internal static class CpuRate
    {
        const uint Enable = 0x1, WeightBased = 0x2, HardCap = 0x4, MinimumMaximum = 0x10;

        public static object Decode(byte[] data)
        {
            uint flags = BitConverter.ToUInt32(data, 0);
            string mode = Mode(flags);
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["control_flags"] = (long)flags;
            result["mode"] = mode;
            bool isRate = mode == "hard_cap" || mode == "soft_cap", isRange = mode == "minimum_maximum";
            result["rate"] = isRate ? (object)(long)BitConverter.ToUInt32(data, 4) : null;
            result["weight"] = mode == "weight" ? (object)(long)BitConverter.ToUInt32(data, 4) : null;
            result["minimum_rate"] = isRange ? (object)(int)BitConverter.ToUInt16(data, 4) : null;
            result["maximum_rate"] = isRange ? (object)(int)BitConverter.ToUInt16(data, 6) : null;
            return result;
        }

        static string Mode(uint flags)
        {
            if ((flags & Enable) == 0) { return "none"; }
            if ((flags & WeightBased) != 0) { return "weight"; }
            if ((flags & MinimumMaximum) != 0) { return "minimum_maximum"; }
            return (flags & HardCap) != 0 ? "hard_cap" : "soft_cap";
        }
    }

    /// <summary>What the job used. Times in units of 100 ns.</summary>
    internal static class Accounting
    {
        public static object Decode(byte[] data)
        {
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["user_time_100ns"] = BitConverter.ToInt64(data, 0);
            result["kernel_time_100ns"] = BitConverter.ToInt64(data, 8);
            result["page_faults"] = (long)BitConverter.ToUInt32(data, 32);
            result["total_processes"] = (long)BitConverter.ToUInt32(data, 36);
            result["active_processes"] = (long)BitConverter.ToUInt32(data, 40);
            result["terminated_processes"] = (long)BitConverter.ToUInt32(data, 44);
            return result;
        }

        /// <summary>The IO_COUNTERS at the end of JOBOBJECT_BASIC_AND_IO_ACCOUNTING_INFORMATION.</summary>
        public static object DecodeIo(byte[] data)
        {
            Dictionary<string, object> result = new Dictionary<string, object>();
            string[] fields = { "read_operations", "write_operations", "other_operations", "read_bytes", "write_bytes", "other_bytes" };
            for (int i = 0; i < fields.Length; i++)
            {
                result[fields[i]] = BitConverter.ToUInt64(data, 48 + 8 * i);
            }
            return result;
        }

        public static object DecodeMemory(byte[] data)
        {
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["current_bytes"] = BitConverter.ToUInt64(data, 0);
            result["peak_bytes"] = BitConverter.ToUInt64(data, 8);
            return result;
        }

        /// <summary>JOBOBJECT_IO_ATTRIBUTION_INFORMATION: flags, then statistics of reads and of writes.</summary>
        public static object DecodeIoAttribution(byte[] data)
        {
            const uint Enable = 0x1;
            uint flags = BitConverter.ToUInt32(data, 0);
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["control_flags"] = (long)flags;
            result["enabled"] = (flags & Enable) != 0;
            result["read"] = IoStatistics(data, 8);
            result["write"] = IoStatistics(data, 40);
            return result;
        }

        static Dictionary<string, object> IoStatistics(byte[] data, int offset)
        {
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["operations"] = BitConverter.ToUInt64(data, offset);
            result["queue_time_100ns"] = BitConverter.ToUInt64(data, offset + 8);
            result["service_time_100ns"] = BitConverter.ToUInt64(data, offset + 16);
            result["bytes"] = BitConverter.ToUInt64(data, offset + 24);
            return result;
        }
    }

    /// <summary>One row of the process snapshot. <c>Created</c> is a FILETIME, UTC.</summary>
    internal sealed class ProcessEntry
    {
        public long Id, ParentId, Created;
        public int Session;
        public string Image;
    }

    /// <summary>Every process of the node at one moment, by one system call; details are asked for a few of them.</summary>
    internal sealed class ProcessTable
    {
        const uint QueryLimitedInformation = 0x1000;
        const int NoSuchProcess = 87;  // ERROR_INVALID_PARAMETER, as OpenProcess documents
        const int StillActive = 259;
        readonly Ledger ledger;
        readonly Dictionary<long, ProcessEntry> entries = new Dictionary<long, ProcessEntry>();
        readonly Dictionary<string, string> accounts = new Dictionary<string, string>();

        ProcessTable(Ledger ledger)
        {
            this.ledger = ledger;
        }

        public IEnumerable<ProcessEntry> All { get { return entries.Values; } }

        /// <summary>Read SYSTEM_PROCESS_INFORMATION records. Raises Win32Exception where the system refuses.</summary>
        public static ProcessTable Take(Ledger ledger)
        {
            const int SystemProcessInformation = 5;
            ProcessTable table = new ProcessTable(ledger);
            for (int size = 0x40000; ; size *= 2)
            {
                IntPtr buffer = Marshal.AllocHGlobal(size);
                try
                {
                    int needed;
                    int status = Native.NtQuerySystemInformation(SystemProcessInformation, buffer, size, out needed);
                    if (status == Native.InfoLengthMismatch) { continue; }
                    if (status < 0) { throw new Win32Exception(Native.RtlNtStatusToDosError(status)); }
                    table.Fill(buffer);
                    return table;
                }
                finally
                {
                    Marshal.FreeHGlobal(buffer);
                }
            }
        }

        void Fill(IntPtr buffer)
        {
            for (int offset = 0, next = -1; next != 0; offset += next)
            {
                next = Marshal.ReadInt32(buffer, offset);
                ProcessEntry entry = new ProcessEntry();
                entry.Created = Marshal.ReadInt64(buffer, offset + 32);
                entry.Image = Native.UnicodeString(buffer, offset + 56);
                entry.Id = Marshal.ReadInt64(buffer, offset + 80);
                entry.ParentId = Marshal.ReadInt64(buffer, offset + 88);
                entry.Session = Marshal.ReadInt32(buffer, offset + 100);
                entries[entry.Id] = entry;
            }
        }

        /// <summary>Add what came since, and what got the id of one that ended. The ended ones stay.</summary>
        public void Update(ProcessTable later)
        {
            foreach (ProcessEntry entry in later.All) { entries[entry.Id] = entry; }
        }

        public ProcessEntry Find(long id)
        {
            ProcessEntry entry;
            return entries.TryGetValue(id, out entry) ? entry : null;
        }

        /// <summary>Whether a process of another table is in this one, too: the same, not one that got its id.</summary>
        public bool StillHas(ProcessEntry process)
        {
            ProcessEntry same = Find(process.Id);
            return same != null && same.Created == process.Created;
        }

        /// <summary>The living parent. A younger process with that id is a stranger: Windows uses ids again.</summary>
        public ProcessEntry ParentOf(ProcessEntry process)
        {
            ProcessEntry parent = Find(process.ParentId);
            return parent != null && parent != process && parent.Created <= process.Created ? parent : null;
        }

        /// <summary>What a result tells of a process; null when it has ended.</summary>
        public Dictionary<string, object> Describe(long id, bool inJob)
        {
            ledger.ProcessesDescribed++;
            ProcessEntry entry = Find(id);
            Dictionary<string, object> errors = new Dictionary<string, object>();
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["pid"] = (int)id;
            result["parent_pid"] = entry == null ? null : (object)(int)entry.ParentId;
            result["image"] = entry == null ? null : entry.Image;
            result["session_id"] = entry == null ? null : (object)entry.Session;
            result["start_time"] = entry == null ? null : Time(entry.Created);
            result["in_job"] = inJob;
            result["command_line"] = null;
            result["user"] = null;
            result["user_sid"] = null;
            result["errors"] = errors;
            return AddDetails(id, result, errors) ? result : null;
        }

        /// <summary>A FILETIME as ISO 8601. Null where it is none: a process that is just being made may not have one.</summary>
        static string Time(long fileTime)
        {
            bool valid = fileTime > 0 && fileTime <= DateTime.MaxValue.ToFileTimeUtc();
            return valid ? DateTime.FromFileTimeUtc(fileTime).ToString("o", CultureInfo.InvariantCulture) : null;
        }

        /// <summary>Add what needs a handle to the process. False when it has ended: then nothing of it counts.</summary>
        bool AddDetails(long id, Dictionary<string, object> result, Dictionary<string, object> errors)
        {
            IntPtr raw = Native.OpenProcess(QueryLimitedInformation, false, (uint)id);
            if (raw == IntPtr.Zero)
            {
                int code = Marshal.GetLastWin32Error();
                errors["command_line"] = errors["user"] = Refusal.FromCode(code);
                return code != NoSuchProcess;
            }
            using (KernelHandle handle = new KernelHandle(raw, ledger))
            {
                result["image"] = ImagePath(handle) ?? result["image"];
                int status;
                result["command_line"] = CommandLine(handle, out status);
                if (status < 0) { errors["command_line"] = Refusal.FromStatus(status); }
                AddUser(handle, result, errors);
                return !HasEnded(handle);
            }
        }

        /// <summary>Whether a process is over. One that somebody has a handle to can be opened although it is.</summary>
        static bool HasEnded(KernelHandle handle)
        {
            int exitCode;
            return Native.GetExitCodeProcess(handle.Value, out exitCode) && exitCode != StillActive;
        }

        /// <summary>The full Win32 path of a process' program, or null.</summary>
        string ImagePath(KernelHandle handle)
        {
            StringBuilder path = new StringBuilder(32768);
            int length = path.Capacity;
            return Native.QueryFullProcessImageName(handle.Value, 0, path, ref length) ? path.ToString() : null;
        }

        /// <summary>ProcessCommandLineInformation (Windows 8.1 and later): a UNICODE_STRING with its text behind it.</summary>
        static string CommandLine(KernelHandle handle, out int status)
        {
            const int ProcessCommandLineInformation = 60;
            // The longest command line that CreateProcess takes is 32,767 characters.
            const int Size = 16 + 2 * 32768;
            IntPtr buffer = Marshal.AllocHGlobal(Size);
            try
            {
                int returned;
                status = Native.NtQueryInformationProcess(handle.Value, ProcessCommandLineInformation, buffer, Size, out returned);
                return status < 0 ? null : Native.UnicodeString(buffer, 0);
            }
            finally
            {
                Marshal.FreeHGlobal(buffer);
            }
        }

        void AddUser(KernelHandle process, Dictionary<string, object> result, Dictionary<string, object> errors)
        {
            const uint TokenQuery = 0x8;
            IntPtr raw;
            if (!Native.OpenProcessToken(process.Value, TokenQuery, out raw))
            {
                errors["user"] = Refusal.FromCode(Marshal.GetLastWin32Error());
                return;
            }
            using (KernelHandle token = new KernelHandle(raw, ledger))
            {
                const int TokenUser = 1, Size = 1024;
                IntPtr buffer = Marshal.AllocHGlobal(Size);
                try
                {
                    int returned;
                    string sid;
                    if (!Native.GetTokenInformation(token.Value, TokenUser, buffer, Size, out returned)
                        || !Native.ConvertSidToStringSid(Marshal.ReadIntPtr(buffer), out sid))
                    {
                        errors["user"] = Refusal.FromCode(Marshal.GetLastWin32Error());
                        return;
                    }
                    result["user_sid"] = sid;
                    result["user"] = Account(Marshal.ReadIntPtr(buffer), sid, errors);
                }
                finally
                {
                    Marshal.FreeHGlobal(buffer);
                }
            }
        }

        /// <summary>DOMAIN\name of a SID, looked up once. An account that was deleted has none: null with the error.</summary>
        string Account(IntPtr sid, string text, Dictionary<string, object> errors)
        {
            string account;
            if (accounts.TryGetValue(text, out account)) { return account; }
            StringBuilder name = new StringBuilder(256), domain = new StringBuilder(256);
            int nameLength = name.Capacity, domainLength = domain.Capacity, use;
            if (!Native.LookupAccountSid(null, sid, name, ref nameLength, domain, ref domainLength, out use))
            {
                errors["user"] = Refusal.FromCode(Marshal.GetLastWin32Error());
                return null;
            }
            account = domain.Length == 0 ? name.ToString() : domain + "\\" + name;
            accounts[text] = account;
            return account;
        }
    }

    /// <summary>A running shim: one process for each pod, owner of the job handles of its containers.</summary>
    internal sealed class Shim
    {
        public ProcessEntry Process;
        public Dictionary<string, object> Description;
        public string SandboxId, Namespace;

        public Dictionary<string, object> Results()
        {
            Dictionary<string, object> result = new Dictionary<string, object>(Description);
            result.Remove("in_job");
            result["sandbox_id"] = SandboxId;
            result["containerd_namespace"] = Namespace;
            return result;
        }
    }

    /// <summary>The node's running shims, found by their file name, by sandbox and by process.</summary>
    internal sealed class ShimTable
    {
        const string FileName = "containerd-shim-runhcs-v1.exe";
        // The shim serves on \\.\pipe\ProtectedPrefix\Administrators\containerd-shim-<namespace>-<sandbox id>-pipe.
        static readonly Regex Pipe = new Regex("containerd-shim-(?<namespace>.+)-(?<id>[^-\\\\]+)-pipe");

        readonly ProcessTable processes;
        readonly Dictionary<string, Shim> ofSandbox = new Dictionary<string, Shim>(StringComparer.Ordinal);
        readonly SortedDictionary<long, Shim> ofProcess = new SortedDictionary<long, Shim>();

        public ShimTable(ProcessTable processes)
        {
            this.processes = processes;
            foreach (ProcessEntry process in processes.All)
            {
                if (string.Equals(process.Image, FileName, StringComparison.OrdinalIgnoreCase)) { Add(process); }
            }
        }

        void Add(ProcessEntry process)
        {
            Shim shim = new Shim();
            shim.Process = process;
            shim.Description = processes.Describe(process.Id, false);
            if (shim.Description == null) { return; }
            Match match = Pipe.Match((string)shim.Description["command_line"] ?? "");
            if (match.Success)
            {
                shim.SandboxId = match.Groups["id"].Value;
                shim.Namespace = match.Groups["namespace"].Value;
                ofSandbox[shim.SandboxId] = shim;
            }
            ofProcess[process.Id] = shim;
        }

        /// <summary>The shim of a job: that of its pod's sandbox, else the parent of its first process, else null.</summary>
        public Shim Of(Bundle bundle, List<long> processIds)
        {
            Shim shim;
            if (bundle != null && bundle.SandboxId != null && ofSandbox.TryGetValue(bundle.SandboxId, out shim)) { return shim; }
            ProcessEntry first = processIds.Count == 0 ? null : processes.Find(processIds[0]);
            ProcessEntry parent = first == null ? null : processes.ParentOf(first);
            return parent != null && ofProcess.TryGetValue(parent.Id, out shim) ? shim : null;
        }

        public List<object> Results()
        {
            List<object> results = new List<object>();
            foreach (Shim shim in ofProcess.Values) { results.Add(shim.Results()); }
            return results;
        }
    }

    /// <summary>What a bundle's config.json says of one HostProcess container or sandbox.</summary>
    internal sealed class Bundle
    {
        public string ContainerId, Path, Kind, PodNamespace, PodName, PodUid, SandboxId, ContainerName, Image;
        public Dictionary<string, object> Resources, Error;

        public Dictionary<string, object> Pod()
        {
            Dictionary<string, object> pod = new Dictionary<string, object>();
            pod["namespace"] = PodNamespace;
            pod["name"] = PodName;
            pod["uid"] = PodUid;
            pod["sandbox_id"] = SandboxId;
            return pod;
        }

        /// <summary>Null for a container that is not HostProcess. A file that can't be read gives an error, not null.</summary>
        public static Bundle Read(string path)
        {
            Bundle bundle = new Bundle();
            bundle.Path = path;
            bundle.ContainerId = System.IO.Path.GetFileName(path);
            Dictionary<string, object> specification;
            try
            {
                specification = Json.Read(System.IO.Path.Combine(path, "config.json"));
            }
            catch (FileNotFoundException) { return null; }  // being made, or being removed
            catch (DirectoryNotFoundException) { return null; }
            catch (Exception failure)
            {
                if (!(failure is IOException || failure is UnauthorizedAccessException || failure is XmlException
                    || failure is FormatException)) { throw; }
                bundle.Error = Refusal.FromException(failure);
                return bundle;
            }
            Dictionary<string, object> annotations = Json.Object(specification, "annotations");
            // hcsshim compares this value literally (internal/oci/util.go IsJobContainer).
            if (Json.String(annotations, "microsoft.com/hostprocess-container") != "true") { return null; }
            bundle.Kind = Json.String(annotations, "io.kubernetes.cri.container-type");
            bundle.SandboxId = Json.String(annotations, "io.kubernetes.cri.sandbox-id");
            bundle.PodNamespace = Json.String(annotations, "io.kubernetes.cri.sandbox-namespace");
            bundle.PodName = Json.String(annotations, "io.kubernetes.cri.sandbox-name");
            bundle.PodUid = Json.String(annotations, "io.kubernetes.cri.sandbox-uid");
            bundle.ContainerName = Json.String(annotations, "io.kubernetes.cri.container-name");
            bundle.Image = Json.String(annotations, "io.kubernetes.cri.image-name");
            bundle.Resources = RequestedResources(specification);
            return bundle;
        }

        /// <summary>The limits that containerd handed to the shim (OCI windows.resources).</summary>
        static Dictionary<string, object> RequestedResources(Dictionary<string, object> specification)
        {
            Dictionary<string, object> resources = Json.Object(Json.Object(specification, "windows"), "resources");
            Dictionary<string, object> cpu = Json.Object(resources, "cpu");
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["cpu_count"] = Json.Integer(cpu, "count");
            result["cpu_maximum"] = Json.Integer(cpu, "maximum");
            result["cpu_shares"] = Json.Integer(cpu, "shares");
            result["memory_limit_bytes"] = Json.Integer(Json.Object(resources, "memory"), "limit");
            return result;
        }
    }

    /// <summary>containerd's task state folders: one bundle for each container and sandbox.</summary>
    internal sealed class BundleFolder
    {
        const string DefaultState = "%ProgramData%\\containerd\\state", DefaultNamespace = "k8s.io";
        readonly string path;
        readonly SortedDictionary<string, Bundle> bundles = new SortedDictionary<string, Bundle>(StringComparer.Ordinal);
        string status = "listed";
        Dictionary<string, object> error;

        BundleFolder(string path)
        {
            this.path = path;
        }

        public static BundleFolder Read(string stateDirectory, string containerdNamespace)
        {
            string state = Environment.ExpandEnvironmentVariables(stateDirectory ?? DefaultState);
            string tasks = Path.Combine(state, "io.containerd.runtime.v2.task");
            BundleFolder folder = new BundleFolder(Path.Combine(tasks, containerdNamespace ?? DefaultNamespace));
            try
            {
                foreach (string path in Directory.GetDirectories(folder.path))
                {
                    // containerd hides a bundle before it deletes it, and passes hidden ones over (core/runtime/v2,
                    // atomicDelete and loadShims): its container is gone.
                    if (Path.GetFileName(path).StartsWith(".", StringComparison.Ordinal)) { continue; }
                    Bundle bundle = Bundle.Read(path);
                    if (bundle != null) { folder.bundles[bundle.ContainerId] = bundle; }
                }
            }
            catch (DirectoryNotFoundException failure) { folder.Refuse("not_found", failure); }
            catch (UnauthorizedAccessException failure) { folder.Refuse("refused", failure); }
            catch (IOException failure) { folder.Refuse("refused", failure); }
            return folder;
        }

        void Refuse(string reason, Exception failure)
        {
            status = reason;
            error = Refusal.FromException(failure);
        }

        public Bundle Find(string containerId)
        {
            Bundle bundle;
            return bundles.TryGetValue(containerId, out bundle) ? bundle : null;
        }

        /// <summary>Bundles that should have a job. A HostProcess sandbox has none (pod.go: a fake task).</summary>
        public IEnumerable<Bundle> Containers()
        {
            foreach (Bundle bundle in bundles.Values)
            {
                if (bundle.Kind != "sandbox" && bundle.Error == null) { yield return bundle; }
            }
        }

        public Dictionary<string, object> Description()
        {
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["path"] = path;
            result["status"] = status;
            result["error"] = error;
            return result;
        }

        public List<object> Results(Filter filter, JobReader reader)
        {
            List<object> results = new List<object>();
            foreach (Bundle bundle in bundles.Values)
            {
                if (!filter.Accepts(bundle)) { continue; }
                Job job = reader.JobOf(bundle.ContainerId);
                Dictionary<string, object> result = new Dictionary<string, object>();
                result["container_id"] = bundle.ContainerId;
                result["path"] = bundle.Path;
                result["kind"] = bundle.Kind;
                result["pod"] = bundle.Error == null ? bundle.Pod() : null;
                result["container_name"] = bundle.ContainerName;
                result["image"] = bundle.Image;
                result["resources"] = bundle.Resources;
                result["job_object"] = job == null ? null : job.Name;
                result["error"] = bundle.Error;
                results.Add(result);
            }
            return results;
        }
    }

    /// <summary>
    /// Root folders and temporary accounts named after containers: those of living ones, and what was left behind. Which
    /// is which, the caller judges.
    /// </summary>
    internal static class Leftovers
    {
        // Symlink mode of shim 0.9, and the fallback of later shims without bindfltapi.dll (storage.go, mounts.go).
        static readonly string[] RootFolders = { "%SystemDrive%\\C", "%SystemDrive%\\hpc" };
        static readonly Regex ContainerId = new Regex("^[0-9a-f]{64}$");
        // The account of a container that runs as a local group has the first 20 digits of its id (logon.go).
        static readonly Regex AccountName = new Regex("^[0-9a-f]{20}$");

        public static Dictionary<string, object> Find()
        {
            Dictionary<string, object> errors = new Dictionary<string, object>();
            Dictionary<string, object> result = new Dictionary<string, object>();
            result["rootfs_folders"] = Folders(errors);
            result["accounts"] = Accounts(errors);
            result["errors"] = errors;
            return result;
        }

        static List<object> Folders(Dictionary<string, object> errors)
        {
            List<object> found = new List<object>();
            foreach (string root in RootFolders)
            {
                string folder = Environment.ExpandEnvironmentVariables(root);
                try
                {
                    foreach (string path in Directory.GetDirectories(folder))
                    {
                        if (ContainerId.IsMatch(Path.GetFileName(path))) { found.Add(path); }
                    }
                }
                catch (DirectoryNotFoundException) { }  // nothing was ever made there
                catch (Exception failure)
                {
                    if (!(failure is IOException || failure is UnauthorizedAccessException)) { throw; }
                    errors["rootfs_folders"] = Refusal.FromException(failure);
                    return null;
                }
            }
            return found;
        }

        static List<object> Accounts(Dictionary<string, object> errors)
        {
            const int NormalAccounts = 2, AnyLength = -1, MoreData = 234;
            List<object> found = new List<object>();
            int resume = 0, status;
            do
            {
                IntPtr buffer;
                int read, total;
                status = Native.NetUserEnum(null, 0, NormalAccounts, out buffer, AnyLength, out read, out total, ref resume);
                if (status != 0 && status != MoreData)
                {
                    errors["accounts"] = Refusal.FromCode(status);
                    return null;
                }
                for (int i = 0; i < read; i++)
                {
                    string name = Marshal.PtrToStringUni(Marshal.ReadIntPtr(buffer, i * IntPtr.Size));
                    if (AccountName.IsMatch(name)) { found.Add(name); }
                }
                Native.NetApiBufferFree(buffer);
            }
            while (status == MoreData);
            return found;
        }
    }

    /// <summary>JSON by the class library, which presents it as XML with a type attribute on each element.</summary>
    internal static class Json
    {
        const int DeepestNesting = 100;

        /// <summary>The object in a file, read with full sharing: an open file would keep containerd from removing it.</summary>
        public static Dictionary<string, object> Read(string path)
        {
            XmlDictionaryReaderQuotas quotas = new XmlDictionaryReaderQuotas();
            XmlDictionaryReaderQuotas.Max.CopyTo(quotas);
            quotas.MaxDepth = DeepestNesting;
            using (FileStream stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete))
            using (XmlDictionaryReader reader = JsonReaderWriterFactory.CreateJsonReader(stream, quotas))
            {
                XmlDocument document = new XmlDocument();
                document.XmlResolver = null;
                document.Load(reader);
                XmlElement root = document.DocumentElement;
                Dictionary<string, object> result = root == null ? null : Value(root) as Dictionary<string, object>;
                if (result == null) { throw new FormatException(path + " does not hold a JSON object."); }
                return result;
            }
        }

        static object Value(XmlElement element)
        {
            switch (element.GetAttribute("type"))
            {
                case "object":
                    Dictionary<string, object> members = new Dictionary<string, object>();
                    foreach (XmlElement child in Children(element)) { members[Name(child)] = Value(child); }
                    return members;
                case "array":
                    List<object> items = new List<object>();
                    foreach (XmlElement child in Children(element)) { items.Add(Value(child)); }
                    return items;
                case "null":
                    return null;
                default:
                    return element.InnerText;  // numbers and booleans as written
            }
        }

        static IEnumerable<XmlElement> Children(XmlElement element)
        {
            foreach (XmlNode node in element.ChildNodes)
            {
                if (node is XmlElement) { yield return (XmlElement)node; }
            }
        }

        /// <summary>A key that is no XML name (microsoft.com/x) stands in an attribute of an element called item.</summary>
        static string Name(XmlElement element)
        {
            return element.HasAttribute("item") ? element.GetAttribute("item") : element.LocalName;
        }

        public static Dictionary<string, object> Object(Dictionary<string, object> parent, string key)
        {
            object value;
            return parent != null && parent.TryGetValue(key, out value) ? value as Dictionary<string, object> : null;
        }

        public static string String(Dictionary<string, object> parent, string key)
        {
            object value;
            return parent != null && parent.TryGetValue(key, out value) ? value as string : null;
        }

        public static object Integer(Dictionary<string, object> parent, string key)
        {
            ulong number;
            return ulong.TryParse(String(parent, key), NumberStyles.None, CultureInfo.InvariantCulture, out number) ? (object)number : null;
        }
    }

    /// <summary>OBJECT_ATTRIBUTES of a named object. The name may hold any character, a NUL too: it has a length.</summary>
    internal sealed class ObjectName : IDisposable
    {
        readonly IntPtr text, name;
        public readonly IntPtr Attributes;

        public ObjectName(string path)
        {
            const int AttributesLength = 48, NameLength = 16;
            text = Marshal.StringToHGlobalUni(path);
            name = Marshal.AllocHGlobal(NameLength);
            Marshal.WriteInt64(name, 0, 0);
            Marshal.WriteInt16(name, 0, (short)(path.Length * 2));
            Marshal.WriteInt16(name, 2, (short)(path.Length * 2 + 2));
            Marshal.WriteIntPtr(name, 8, text);
            Attributes = Marshal.AllocHGlobal(AttributesLength);
            for (int offset = 0; offset < AttributesLength; offset += 8) { Marshal.WriteInt64(Attributes, offset, 0); }
            Marshal.WriteInt32(Attributes, 0, AttributesLength);
            Marshal.WriteIntPtr(Attributes, 16, name);
        }

        public void Dispose()
        {
            Marshal.FreeHGlobal(Attributes);
            Marshal.FreeHGlobal(name);
            Marshal.FreeHGlobal(text);
        }
    }

    internal static class Native
    {
        public const ushort AllProcessorGroups = 0xFFFF;
        public const int NoMoreEntries = unchecked((int)0x8000001A);
        public const int BufferOverflow = unchecked((int)0x80000005);
        public const int InfoLengthMismatch = unchecked((int)0xC0000004);

        public static bool IsNotFound(int status)
        {
            const int ObjectNameNotFound = unchecked((int)0xC0000034), ObjectPathNotFound = unchecked((int)0xC000003A);
            return status == ObjectNameNotFound || status == ObjectPathNotFound;
        }

        public static bool IsUnknownOrForbidden(int status)
        {
            const int NotImplemented = unchecked((int)0xC0000002), InvalidInfoClass = unchecked((int)0xC0000003);
            const int InvalidParameter = unchecked((int)0xC000000D), AccessDenied = unchecked((int)0xC0000022);
            const int NotSupported = unchecked((int)0xC00000BB);
            int[] statuses = { NotImplemented, InvalidInfoClass, InfoLengthMismatch, InvalidParameter, AccessDenied, NotSupported };
            return Array.IndexOf(statuses, status) >= 0;
        }

        /// <summary>The UNICODE_STRING at an offset: length in bytes, room, then (aligned) the text's address.</summary>
        public static string UnicodeString(IntPtr buffer, int offset)
        {
            int length = (ushort)Marshal.ReadInt16(buffer, offset) / 2;
            IntPtr text = Marshal.ReadIntPtr(buffer, offset + 8);
            return text == IntPtr.Zero ? "" : Marshal.PtrToStringUni(text, length);
        }

        [DllImport("ntdll.dll")]
        public static extern int NtOpenDirectoryObject(out IntPtr handle, uint access, IntPtr attributes);
        [DllImport("ntdll.dll")]
        public static extern int NtQueryDirectoryObject(
            IntPtr handle, IntPtr buffer, int length, [MarshalAs(UnmanagedType.U1)] bool single,
            [MarshalAs(UnmanagedType.U1)] bool restart, ref uint context, out int returned);
        [DllImport("ntdll.dll")]
        public static extern int NtOpenJobObject(out IntPtr handle, uint access, IntPtr attributes);
        [DllImport("ntdll.dll")]
        public static extern int NtQueryInformationJobObject(
            IntPtr job, int informationClass, [Out] byte[] data, int length, out int returned);
        [DllImport("ntdll.dll")]
        public static extern int NtQuerySystemInformation(int informationClass, IntPtr buffer, int length, out int returned);
        [DllImport("ntdll.dll")]
        public static extern int NtQueryInformationProcess(
            IntPtr process, int informationClass, IntPtr buffer, int length, out int returned);
        [DllImport("ntdll.dll")]
        public static extern int RtlNtStatusToDosError(int status);
        [DllImport("netapi32.dll", CharSet = CharSet.Unicode)]
        public static extern int NetUserEnum(
            string server, int level, int filter, out IntPtr buffer, int length, out int read, out int total, ref int resume);
        [DllImport("netapi32.dll")]
        public static extern int NetApiBufferFree(IntPtr buffer);
        [DllImport("kernel32.dll")]
        public static extern bool CloseHandle(IntPtr handle);
        [DllImport("kernel32.dll")]
        public static extern int GetActiveProcessorCount(ushort group);
        [DllImport("kernel32.dll", SetLastError = true)]
        public static extern IntPtr OpenProcess(uint access, bool inherit, uint id);
        [DllImport("kernel32.dll")]
        public static extern bool GetExitCodeProcess(IntPtr process, out int exitCode);
        [DllImport("kernel32.dll", CharSet = CharSet.Unicode, SetLastError = true, EntryPoint = "QueryFullProcessImageNameW")]
        public static extern bool QueryFullProcessImageName(IntPtr process, uint flags, StringBuilder path, ref int length);
        [DllImport("advapi32.dll", SetLastError = true)]
        public static extern bool OpenProcessToken(IntPtr process, uint access, out IntPtr token);
        [DllImport("advapi32.dll", SetLastError = true)]
        public static extern bool GetTokenInformation(IntPtr token, int informationClass, IntPtr buffer, int length, out int returned);
        [DllImport("advapi32.dll", CharSet = CharSet.Unicode, SetLastError = true, EntryPoint = "ConvertSidToStringSidW")]
        public static extern bool ConvertSidToStringSid(IntPtr sid, out string text);
        [DllImport("advapi32.dll", CharSet = CharSet.Unicode, SetLastError = true, EntryPoint = "LookupAccountSidW")]
        public static extern bool LookupAccountSid(
            string system, IntPtr sid, StringBuilder name, ref int nameLength, StringBuilder domain, ref int domainLength, out int use);
    }
}
